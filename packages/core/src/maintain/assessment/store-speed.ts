import { forEachConcurrent } from "../../async/map-concurrent.ts";
import type { Backend } from "../../backend/backend.ts";
import { isTsbakError } from "../../errors.ts";
import type { ClockDifference, Spread, StoreLatency, StoreThroughput } from "./assessment.ts";
import type { ScratchFile, ScratchFiles } from "./scratch-files.ts";

const SMALL = 1024;
/** Where one large file takes longer than this, the several are made shorter. */
const PATIENCE_SECONDS = 5;
const SHORTEST = 1 << 20;
/** Beyond so many at once hardly a line is faster. */
const MOST_AT_ONCE = 16;

/** Time calls on small files, `samples` of each, one after the other. */
export async function measureLatency(files: ScratchFiles, samples: number): Promise<StoreLatency> {
  const small: ScratchFile[] = Array.from({ length: samples }, () => files.invent(SMALL));
  const options = { signal: files.signal };
  return {
    write: await spreadOf(small, (file) => files.write(file)),
    read: await spreadOf(small, ({ ref }) => files.backend.read(ref, undefined, options)),
    list: await spreadOf(small, () => files.list()),
    remove: await spreadOf(small, ({ ref }) => files.remove(ref)),
  };
}

async function spreadOf(
  files: readonly ScratchFile[],
  call: (file: ScratchFile) => Promise<unknown>,
): Promise<Spread> {
  const times: number[] = [];
  for (const file of files) times.push((await secondsOf(() => call(file))) * 1000);
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { min: at(0), median: at(0.5), max: at(1) };
}

/** Time one file of `size` bytes, up and down, and then as many at once as the store has connections. */
export async function measureThroughput(
  files: ScratchFiles,
  size: number,
): Promise<StoreThroughput> {
  const one = [files.invent(size)];
  const upload = size / (await secondsOf(() => uploadAll(files, one)));
  const download = size / (await secondsOf(() => downloadAll(files, one)));
  const atOnce = Math.min(files.backend.connections, MOST_AT_ONCE);
  const affordable = Math.floor((Math.min(upload, download) * PATIENCE_SECONDS) / atOnce);
  const part = Math.min(size, Math.max(SHORTEST, affordable));
  const several = Array.from({ length: atOnce }, () => files.invent(part));
  const uploadAtOnce = (part * atOnce) / (await secondsOf(() => uploadAll(files, several)));
  const downloadAtOnce = (part * atOnce) / (await secondsOf(() => downloadAll(files, several)));
  for (const { ref } of [...one, ...several]) await files.remove(ref);
  return { upload, download, uploadAtOnce, downloadAtOnce, atOnce };
}

function uploadAll(files: ScratchFiles, all: readonly ScratchFile[]): Promise<void> {
  const options = { concurrency: all.length, signal: files.signal };
  return forEachConcurrent(all, (file) => files.write(file), options);
}

function downloadAll(files: ScratchFiles, all: readonly ScratchFile[]): Promise<void> {
  const options = { concurrency: all.length, signal: files.signal };
  const download = async ({ ref }: ScratchFile, signal: AbortSignal): Promise<void> => {
    await files.backend.read(ref, undefined, { signal });
  };
  return forEachConcurrent(all, download, options);
}

/** Compare the time that `store` notes for a new file with ours; undefined where a store does not tell. */
export async function measureClock(
  files: ScratchFiles,
  store: Backend,
): Promise<ClockDifference | undefined> {
  if (store.clock === undefined) return undefined;
  const before = Date.now();
  const { ref } = await files.create(SMALL);
  const after = Date.now();
  let noted: number;
  try {
    noted = await store.clock(ref, { signal: files.signal });
  } catch (error) {
    // Not every server of a kind tells it.
    if (isTsbakError(error, "unavailable")) return undefined;
    throw error;
  }
  const isWholeSecond = noted % 1000 === 0;
  // A whole second was cut off: on the average the truth is half a second later.
  const truth = noted + (isWholeSecond ? 500 : 0);
  return {
    aheadMs: Math.round(truth - (before + after) / 2),
    uncertaintyMs: Math.ceil((after - before) / 2) + (isWholeSecond ? 500 : 0),
  };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  // Never 0, so that what is divided by it is a number.
  return Math.max(performance.now() - started, 1e-3) / 1000;
}
