/**
 * SHA-256 of two messages at a time, by the OpenSSL inside Node.
 *
 * A processor's SHA instructions wait for each other within one message; with two messages in turn they hash 1.5 times as
 * many bytes a second. OpenSSL has the code for its own TLS (`sha256_multi_block`, in this form since 1.0.2, on x86-64
 * only) and node exports it, but it is in no header. So it is used with OpenSSL 3 alone, and after it has hashed samples
 * as node:crypto does.
 *
 * @module
 */
import { hash } from "node:crypto";
import { createRequire } from "node:module";

/** A message that is being hashed: its chaining value, 8 words, and the whole blocks of 64 bytes that are to be added. */
export interface BlockRun {
  readonly state: Uint32Array;
  /** Memory with the blocks at its start. */
  readonly bytes: Uint8Array;
  readonly blocks: number;
}

/** Adds to all messages what is to be added to each. */
export type HashRuns = (runs: readonly BlockRun[]) => void;

type MultiBlock = (states: Uint32Array, runs: BigUint64Array, quads: number) => void;
type SingleBlock = (state: Uint32Array, bytes: bigint, blocks: number) => void;

interface Koffi {
  load(path: null): { func(prototype: string): unknown };
  address(memory: Uint8Array): bigint;
}

/** What a message's chaining value is before its first block (FIPS 180-4, 5.3.3). */
export const FIRST_STATE: Uint32Array = Uint32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a],
  ...[0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);
const BLOCK = 64;
/** Words of a state lie this far apart: there is room for eight lanes, of which two are used. */
const LANES = 8;

/** Undefined without koffi, on another processor, or where Node does not have the function or not in its known form. */
export function loadHashPairs(): HashRuns | undefined {
  if (process.arch !== "x64" || !/^3\./.test(process.versions.openssl ?? "")) return undefined;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    const node = koffi.load(null);
    const lanes = new TwoLanes(
      node.func("void sha256_multi_block(void*, void*, int)") as MultiBlock,
      node.func("void sha256_block_data_order(void*, uint64_t, size_t)") as SingleBlock,
      (memory) => koffi.address(memory),
    );
    const hashRuns: HashRuns = (runs) => lanes.hash(runs);
    return isSound(hashRuns) ? hashRuns : undefined;
  } catch {
    return undefined;
  }
}

interface Lane {
  state: Uint32Array;
  address: bigint;
  /** Blocks that are left; 0 for a lane that is free. */
  blocks: number;
}

class TwoLanes {
  readonly #multiBlock: MultiBlock;
  readonly #singleBlock: SingleBlock;
  readonly #addressOf: (memory: Uint8Array) => bigint;
  readonly #states = new Uint32Array(8 * LANES);
  /** For each of four lanes an address and a number of blocks; the last two stay empty. */
  readonly #runs = new BigUint64Array(8);
  readonly #lanes: readonly [Lane, Lane] = [freeLane(), freeLane()];

  constructor(
    multiBlock: MultiBlock,
    singleBlock: SingleBlock,
    addressOf: (memory: Uint8Array) => bigint,
  ) {
    this.#multiBlock = multiBlock;
    this.#singleBlock = singleBlock;
    this.#addressOf = addressOf;
  }

  hash(runs: readonly BlockRun[]): void {
    const [first, second] = this.#lanes;
    let next = 0;
    const fill = (lane: Lane): void => {
      while (lane.blocks === 0 && next < runs.length) this.#seat(lane, runs[next++] as BlockRun);
    };
    for (;;) {
      fill(first);
      fill(second);
      if (first.blocks === 0 || second.blocks === 0) break;
      this.#step(first, second);
    }
    const last = first.blocks > 0 ? first : second;
    if (last.blocks > 0) this.#singleBlock(last.state, last.address, last.blocks);
    last.blocks = 0;
  }

  #seat(lane: Lane, { state, bytes, blocks }: BlockRun): void {
    // Native code does not know where an array ends.
    if (state.length !== 8 || blocks * BLOCK > bytes.length) {
      throw new RangeError("Cannot hash: fewer bytes than blocks");
    }
    lane.state = state;
    lane.address = blocks > 0 ? this.#addressOf(bytes) : 0n;
    lane.blocks = blocks;
  }

  /** As many blocks of both as the shorter one has. */
  #step(first: Lane, second: Lane): void {
    const count = Math.min(first.blocks, second.blocks);
    const states = this.#states;
    for (let word = 0; word < 8; word++) {
      states[word * LANES] = first.state[word] as number;
      states[word * LANES + 1] = second.state[word] as number;
    }
    const runs = this.#runs;
    runs[0] = runs[4] = runs[6] = first.address;
    runs[2] = second.address;
    runs[1] = runs[3] = BigInt(count);
    this.#multiBlock(states, runs, 1);
    for (let word = 0; word < 8; word++) {
      first.state[word] = states[word * LANES] as number;
      second.state[word] = states[word * LANES + 1] as number;
    }
    for (const lane of this.#lanes) {
      lane.address += BigInt(count * BLOCK);
      lane.blocks -= count;
    }
  }
}

function freeLane(): Lane {
  return { state: new Uint32Array(8), address: 0n, blocks: 0 };
}

/** Compares with node:crypto, which alone pads: the state after the blocks of a padded message is its digest. */
function isSound(hashRuns: HashRuns): boolean {
  const lengths = [55, 1000, 0, 119, 4000];
  const messages = lengths.map((length) => new Uint8Array(length).map((_, at) => at * 7 + length));
  const runs = messages.map((message) => {
    const bytes = new Uint8Array(message.length + MOST_PADDING);
    bytes.set(message);
    const blocks = padMessage(bytes, message.length, message.length);
    return { state: FIRST_STATE.slice(), bytes, blocks };
  });
  hashRuns(runs);
  return runs.every(({ state }, at) => {
    const digest = Buffer.alloc(32);
    writeDigest(state, digest, 0);
    return digest.toString("hex") === hash("sha256", messages[at] as Uint8Array, "hex");
  });
}

/** Bytes that `padMessage` writes after a message, at most. */
export const MOST_PADDING = 72;

/**
 * End the bytes 0 to `end` of `memory`, the last of a message of `length` bytes in all, as SHA-256 demands, and return how
 * many blocks of 64 bytes they are then. What stands after them is overwritten.
 */
export function padMessage(memory: Uint8Array, end: number, length: number): number {
  const blocks = Math.ceil((end + 9) / BLOCK);
  const size = blocks * BLOCK;
  memory[end] = 0x80;
  memory.fill(0, end + 1, size - 8);
  const view = new DataView(memory.buffer, memory.byteOffset + size - 8, 8);
  view.setUint32(0, Math.floor(length / 2 ** 29));
  view.setUint32(4, (length * 8) % 2 ** 32);
  return blocks;
}

/** The digest that the last state of a message is. */
export function writeDigest(state: Uint32Array, out: Uint8Array, offset: number): void {
  const view = new DataView(out.buffer, out.byteOffset + offset, 32);
  for (let word = 0; word < 8; word++) view.setUint32(word * 4, state[word] as number);
}
