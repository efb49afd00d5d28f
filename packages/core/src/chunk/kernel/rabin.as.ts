// AssemblyScript, compiled to wasm/rabin.wasm; `rabin.ts` describes the hash and fills the tables.
//
// The hash of a window depends on its 64 bytes only, so five windows, far apart, are moved at once: one alone would
// wait 7 cycles a byte for its table, five keep the processor busy (1.2 GB/s against 0.45). More run out of registers.

/** Residue of each byte when it is shifted past the degree of the polynomial, that byte included; 256 * 8 bytes. */
const REDUCE: usize = 1024;
/** What each byte adds to the hash after it left the window; 256 * 8 bytes. */
const LEAVE: usize = 3072;

const WINDOW: usize = 64;
const MASK: u32 = 0xfffff;
const DEGREE_SHIFT: u64 = 45;
const NONE: usize = 0;

/** Lengths of the pieces that one lane searches: long ones first, short ones for what remains. */
const LONG: usize = 4096;
const SHORT: usize = 256;
const LANES: usize = 5;

/** The hash of the 64 bytes before `at`. */
@inline
function hashBefore(at: usize): u64 {
  let hash: u64 = 0;
  for (let from = at - WINDOW; from < at; from++) {
    hash = ((hash << 8) ^ <u64>load<u8>(from)) ^ load<u64>(<usize>(hash >> DEGREE_SHIFT) << 3, REDUCE);
  }
  return hash;
}

/** The hash with the byte at `at + offset` taken in, and the one 64 bytes before it let out. */
@inline
function slide(hash: u64, at: usize, offset: usize): u64 {
  return (
    (hash << 8) ^
    <u64>load<u8>(at + offset) ^
    load<u64>(<usize>load<u8>(at + offset - WINDOW) << 3, LEAVE) ^
    load<u64>(<usize>(hash >> DEGREE_SHIFT) << 3, REDUCE)
  );
}

@inline
function isCut(hash: u64): bool {
  return (<u32>hash & MASK) == 0;
}

/** The first cut in the five pieces of `length` bytes from `at` on, or NONE. */
@inline
function searchLanes(at: usize, length: usize): usize {
  let first = usize.MAX_VALUE;
  let a = hashBefore(at);
  let b = hashBefore(at + length);
  let c = hashBefore(at + 2 * length);
  let d = hashBefore(at + 3 * length);
  let e = hashBefore(at + 4 * length);
  const stop = at + length;
  do {
    if (isCut(a)) first = min(first, at);
    if (isCut(b)) first = min(first, at + length);
    if (isCut(c)) first = min(first, at + 2 * length);
    if (isCut(d)) first = min(first, at + 3 * length);
    if (isCut(e)) first = min(first, at + 4 * length);
    a = slide(a, at, 0);
    b = slide(b, at, length);
    c = slide(c, at, 2 * length);
    d = slide(d, at, 3 * length);
    e = slide(e, at, 4 * length);
    at++;
  } while (at < stop);
  return first == usize.MAX_VALUE ? NONE : first;
}

/** The first address in [`at`, `end`] whose 64 bytes before it hash to a cut; 0 if there is none. */
export function search(at: usize, end: usize): usize {
  while (at + LANES * LONG <= end) {
    const found = searchLanes(at, LONG);
    if (found != NONE) return found;
    at += LANES * LONG;
  }
  while (at + LANES * SHORT <= end) {
    const found = searchLanes(at, SHORT);
    if (found != NONE) return found;
    at += LANES * SHORT;
  }
  let hash = hashBefore(at);
  while (!isCut(hash)) {
    if (at >= end) return NONE;
    hash = slide(hash, at, 0);
    at++;
  }
  return at;
}
