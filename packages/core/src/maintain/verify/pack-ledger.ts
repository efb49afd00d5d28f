import { sha256 } from "../../crypto/sha256.ts";
import { fromHex, toHex } from "../../bytes/hex.ts";
import { equalBytes } from "../../bytes/compare.ts";

/** What the ledger needs of an index: its packs, by number. */
export interface PackNames {
  readonly packs: readonly string[];
  hasPack(name: string): boolean;
  packNumber(name: string): number;
}

/** How a pack was verified. */
const HOW = { never: 0, readInFull: 1 } as const;

/*
 * The file: magic, number of the last run that read packs (8 bytes), a record for each pack, and the SHA-256 of all that.
 * A record: id (32), run (4), how (4), seconds since 1970 (8). Numbers are little-endian.
 */
const MAGIC: Uint8Array = new TextEncoder().encode("tsbakvl1");
const HEAD_SIZE = 16;
const RECORD_SIZE = 48;
const HASH_SIZE = 32;
/** What was damaged was read in no run, so that it is read in every run. */
const NO_RUN = 0;

/**
 * When each pack was read in full and found whole; as long as it never was, when it was seen first. Packs are those of an index,
 * by their numbers there: others are dropped. A pack that is damaged counts as never read.
 *
 * Turns are counted in runs, not by the clock, which may be wrong.
 */
export class PackLedger {
  readonly #names: PackNames;
  readonly #now: number;
  readonly #run: number;
  /** The run in which a pack was read last; of one that never was, the run before it was seen. */
  readonly #runs: Uint32Array;
  readonly #how: Uint8Array;
  readonly #seconds: Float64Array;
  #isChanged: boolean;

  /**
   * `bytes` are what `encode` gave; anything else is as good as nothing. `reads` says whether packs are to be read in this run.
   * `now` in seconds since 1970.
   */
  constructor(
    names: PackNames,
    bytes: Uint8Array | undefined,
    { now, reads }: { readonly now: number; readonly reads: boolean },
  ) {
    const count = names.packs.length;
    const file = openFile(bytes);
    this.#names = names;
    this.#now = now;
    const before = Math.max(file.run, NO_RUN + 1);
    this.#run = reads ? before + 1 : before;
    this.#runs = new Uint32Array(count).fill(before);
    this.#how = new Uint8Array(count);
    this.#seconds = new Float64Array(count).fill(now);
    const known = this.#take(file.records);
    this.#isChanged = reads || known !== count || known * RECORD_SIZE !== file.records.length;
  }

  /** True if `encode` would give something new. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Negative if the first pack has waited longer for its turn; of those that waited alike, never read comes first. */
  compare(a: number, b: number): number {
    return (
      (this.#runs[a] as number) - (this.#runs[b] as number) ||
      (this.#how[a] as number) - (this.#how[b] as number) ||
      (this.#seconds[a] as number) - (this.#seconds[b] as number) ||
      a - b
    );
  }

  /** How many runs ago a pack was read, or begun to wait; 1 is the last one. */
  runsSince(pack: number): number {
    return this.#run - (this.#runs[pack] as number);
  }

  /** When a pack was found whole, in seconds since 1970; undefined if it never was. */
  readAt(pack: number): number | undefined {
    return this.#how[pack] === HOW.readInFull ? this.#seconds[pack] : undefined;
  }

  /** When a pack was found whole, or else seen first, in seconds since 1970. */
  knownSince(pack: number): number {
    return this.#seconds[pack] as number;
  }

  /** A pack was read in full, and is whole. `now` in seconds since 1970. */
  noteWhole(pack: number, now: number): void {
    this.#isChanged = true;
    this.#runs[pack] = this.#run;
    this.#how[pack] = HOW.readInFull;
    this.#seconds[pack] = now;
  }

  /** A pack is damaged or cannot be read. */
  noteDamaged(pack: number): void {
    this.#isChanged = true;
    this.#runs[pack] = NO_RUN;
    if (this.#how[pack] === HOW.readInFull) this.#seconds[pack] = this.#now;
    this.#how[pack] = HOW.never;
  }

  /** The file. */
  encode(): Uint8Array<ArrayBuffer> {
    this.#isChanged = false;
    const count = this.#runs.length;
    const bytes = new Uint8Array(HEAD_SIZE + count * RECORD_SIZE + HASH_SIZE);
    const view = new DataView(bytes.buffer);
    bytes.set(MAGIC);
    view.setUint32(MAGIC.length, this.#run, true);
    for (let pack = 0; pack < count; pack++) {
      const at = HEAD_SIZE + pack * RECORD_SIZE;
      bytes.set(fromHex(this.#names.packs[pack] as string), at);
      view.setUint32(at + 32, this.#runs[pack] as number, true);
      view.setUint32(at + 36, this.#how[pack] as number, true);
      view.setBigUint64(
        at + 40,
        BigInt(Math.max(Math.floor(this.#seconds[pack] as number), 0)),
        true,
      );
    }
    const end = bytes.length - HASH_SIZE;
    bytes.set(sha256(bytes.subarray(0, end)), end);
    return bytes;
  }

  /** Returns how many of the records are of packs in the index. */
  #take(records: Uint8Array): number {
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    let known = 0;
    for (let at = 0; at < records.length; at += RECORD_SIZE) {
      const name = toHex(records.subarray(at, at + 32));
      if (!this.#names.hasPack(name)) continue;
      const pack = this.#names.packNumber(name);
      this.#runs[pack] = Math.min(view.getUint32(at + 32, true), this.#run);
      this.#how[pack] =
        view.getUint32(at + 36, true) === HOW.readInFull ? HOW.readInFull : HOW.never;
      this.#seconds[pack] = Number(view.getBigUint64(at + 40, true));
      known++;
    }
    return known;
  }
}

interface LedgerFile {
  readonly run: number;
  readonly records: Uint8Array;
}

const EMPTY: LedgerFile = { run: 0, records: new Uint8Array(0) };

function openFile(bytes: Uint8Array | undefined): LedgerFile {
  if (bytes === undefined || bytes.length < HEAD_SIZE + HASH_SIZE) return EMPTY;
  const end = bytes.length - HASH_SIZE;
  const records = bytes.subarray(HEAD_SIZE, end);
  const isOurs = equalBytes(bytes.subarray(0, MAGIC.length), MAGIC);
  const isWhole = equalBytes(sha256(bytes.subarray(0, end)), bytes.subarray(end));
  if (!isOurs || !isWhole || records.length % RECORD_SIZE !== 0) return EMPTY;
  return {
    run: new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true),
    records,
  };
}
