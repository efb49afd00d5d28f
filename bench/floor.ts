/**
 * The floor under a first backup: read, cut, hash, compress, seal and write the bytes of a folder in one thread for each
 * core, with nothing around it: no trees, no index, no metadata, no fsync. Alone: `node bench/floor.ts FOLDER...`.
 *
 * @module
 */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { createClaims } from "../packages/core/src/repository/claim-table.ts";
import { toPath, toRaw } from "../test/raw-path.ts";
import { walkTree } from "../test/walk-tree.ts";
import type { FloorSetup, Piece } from "./floor-worker.ts";

/** Large files are shared out in pieces, so that each can keep all threads busy. */
const PIECE_SIZE = 64 * 2 ** 20;

export interface FloorResult {
  readonly seconds: number;
  readonly bytes: number;
  readonly files: number;
}

/** Measure the floor of a folder; `workFolder` is where the sealed bytes go, and are removed from. */
export async function measureFloor(folder: string, workFolder: string): Promise<FloorResult> {
  const pieces = Array.from(listPieces(folder));
  mkdirSync(workFolder, { recursive: true });
  const out = mkdtempSync(join(workFolder, "floor-"));
  const shared = { pieces, next: new SharedArrayBuffer(4), claims: createClaims(), folder: out };
  const workers = Array.from({ length: availableParallelism() }, (_, thread) => {
    const workerData: FloorSetup = { ...shared, thread };
    return new Worker(new URL("./floor-worker.ts", import.meta.url), { workerData });
  });
  try {
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const started = performance.now();
    for (const worker of workers) worker.postMessage("go");
    await Promise.all(workers.map((worker) => once(worker, "message")));
    return {
      seconds: (performance.now() - started) / 1000,
      bytes: pieces.reduce((sum, piece) => sum + piece.length, 0),
      files: new Set(pieces.map(({ path }) => path)).size,
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
    rmSync(out, { recursive: true });
  }
}

function* listPieces(folder: string): Generator<Piece> {
  const base = toRaw(folder);
  for (const { path, stats } of walkTree(base)) {
    if (!stats.isFile()) continue;
    const name = toPath(`${base}/${path}`).toString("utf8");
    // A name that is not UTF-8 cannot be a string; there are few in any real tree.
    if (toRaw(name) !== `${base}/${path}`) continue;
    for (let offset = 0; offset < stats.size; offset += PIECE_SIZE)
      yield { path: name, offset, length: Math.min(PIECE_SIZE, Number(stats.size) - offset) };
  }
}

async function main(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    const { seconds, bytes, files } = await measureFloor(folder, join(import.meta.dirname, "data"));
    const rate = (bytes / 1e6 / seconds).toFixed(0);
    console.log(`${folder}: ${seconds.toFixed(2)} s, ${files} files, ${bytes} bytes, ${rate} MB/s`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await main(process.argv.slice(2));
