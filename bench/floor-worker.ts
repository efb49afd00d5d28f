import * as fs from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { createChunker } from "../packages/core/src/chunk/chunker.ts";
import { looksIncompressible } from "../packages/core/src/compress/incompressible.ts";
import { loadZstd } from "../packages/core/src/compress/zstd.ts";
import { generateMasterKey } from "../packages/core/src/crypto/master-key.ts";
import { Sealer } from "../packages/core/src/crypto/sealer.ts";
import { sha256 } from "../packages/core/src/crypto/sha256.ts";
import { ClaimTable, type SharedClaims } from "../packages/core/src/repository/claim-table.ts";

/** A part of a file that one thread works on at a time. */
export interface Piece {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** What a thread is given. The pieces are shared out by a counter. */
export interface FloorSetup {
  readonly pieces: readonly Piece[];
  readonly next: SharedArrayBuffer;
  readonly claims: SharedClaims;
  /** Folder for what is written. */
  readonly folder: string;
  readonly thread: number;
}

const POLYNOMIAL = 0x3da3358b4dc173n;
const LEVEL = 3;
const PACK_SIZE = 16 * 2 ** 20;
const READ_SIZE = 4 * 2 ** 20;

const setup = workerData as FloorSetup;
const zstd = await loadZstd();
const chunker = createChunker("rabin", POLYNOMIAL);
const sealer = new Sealer(generateMasterKey());
const claims = new ClaimTable(setup.claims);
const pack = new Uint8Array(PACK_SIZE + 9 * 2 ** 20);
let packed = 0;
let packs = 0;

function storeChunk(chunk: Uint8Array): void {
  if (!claims.claim("data", sha256(chunk))) return;
  const plain = looksIncompressible(chunk) ? chunk : zstd.compress(chunk, LEVEL);
  packed += sealer.sealInto(plain, pack, packed);
  if (packed >= PACK_SIZE) writePack();
}

function writePack(): void {
  fs.writeFileSync(join(setup.folder, `${setup.thread}-${packs++}`), pack.subarray(0, packed));
  packed = 0;
}

function storePiece({ path, offset, length }: Piece): void {
  const file = fs.openSync(path, "r");
  const { memory } = chunker;
  let [start, end, read] = [0, 0, 0];
  for (let isEnd = false; ;) {
    const cut = chunker.cut(start, end, isEnd);
    if (cut !== -1) {
      storeChunk(memory.subarray(start, cut));
      start = cut;
      continue;
    }
    if (isEnd) break;
    memory.copyWithin(0, start, end);
    [start, end] = [0, end - start];
    const count = fs.readSync(file, memory, end, Math.min(READ_SIZE, length - read), offset + read);
    [end, read] = [end + count, read + count];
    isEnd = count === 0 || read === length;
  }
  fs.closeSync(file);
}

parentPort?.once("message", () => {
  const next = new Int32Array(setup.next);
  for (let n = Atomics.add(next, 0, 1); n < setup.pieces.length; n = Atomics.add(next, 0, 1)) {
    const piece = setup.pieces[n];
    if (piece) storePiece(piece);
  }
  if (packed > 0) writePack();
  parentPort?.postMessage("done");
});
parentPort?.postMessage("ready");
