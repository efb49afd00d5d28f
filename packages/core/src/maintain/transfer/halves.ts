import { randomBytes } from "node:crypto";
import type { SharedIndexView } from "../../repository/shared-index.ts";
import type { TransferJob } from "./pack-reader.ts";

/** Some of the blobs of a job. */
export interface JobPart {
  /** What the part belongs to. */
  readonly whole: TransferJob;
  readonly part: TransferJob;
  /** Parts of the whole that are not done, to be counted down by whoever has done one. */
  readonly left: { parts: number };
}

/** Each job as it is. */
export function* wholeJobs(jobs: Iterable<TransferJob>): Generator<JobPart> {
  for (const whole of jobs) yield { whole, part: whole, left: { parts: 1 } };
}

/**
 * The jobs in windows of about so many stored bytes, of which first one half of the blobs comes, then the other; chance decides which blob is
 * in which. What is put one after the other into a single open pack then tells as little of the order of blobs as if there were
 * two, to one of which each blob goes by chance. The price is that packs are read twice, and it is half of the memory.
 */
export function* inHalves(
  jobs: Iterable<TransferJob>,
  index: SharedIndexView,
  windowSize: number,
): Generator<JobPart> {
  let window: TransferJob[] = [];
  let size = 0;
  for (const job of jobs) {
    window.push(job);
    for (const entry of job.entries) size += index.lengthAt(entry);
    if (size < windowSize) continue;
    yield* halve(window);
    window = [];
    size = 0;
  }
  yield* halve(window);
}

function* halve(window: readonly TransferJob[]): Generator<JobPart> {
  const split = window.map(splitByChance);
  for (const half of [0, 1] as const) {
    for (const parts of split) {
      const part = parts[half];
      if (part !== undefined) yield part;
    }
  }
}

/** Undefined for a half that is empty. */
function splitByChance(whole: TransferJob): readonly [JobPart | undefined, JobPart | undefined] {
  const coins = randomBytes(whole.entries.length);
  const left = { parts: 0 };
  const take = (coin: 0 | 1): JobPart | undefined => {
    const entries = whole.entries.filter((_, at) => ((coins[at] as number) & 1) === coin);
    if (entries.length === 0) return undefined;
    left.parts++;
    return { whole, part: { pack: whole.pack, entries }, left };
  };
  return [take(0), take(1)];
}
