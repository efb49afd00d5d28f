import type { Backend, CallOptions } from "../../backend/backend.ts";
import { isTsbakError } from "../../errors.ts";
import type { CheckName, StoreAssessment, StoreCheck } from "./assessment.ts";
import { ScratchFiles } from "./scratch-files.ts";
import { CHECKS, Shortcoming } from "./store-checks.ts";
import { measureClock, measureLatency, measureThroughput } from "./store-speed.ts";

/** How thoroughly a store is looked at. */
export interface AssessmentOptions extends CallOptions {
  /** Bytes of a large file; 16 MiB, the size of a pack, unless given. */
  readonly largeSize?: number | undefined;
  /** How many files a large listing has; 1100 unless given, more than S3 lists at once. */
  readonly fileCount?: number | undefined;
  /** How many calls of each kind are timed; 10 unless given. */
  readonly samples?: number | undefined;
  /** How long a store may take to show a change before it counts as lost, in milliseconds; 10,000 unless given. */
  readonly patienceMs?: number | undefined;
  /** Told what begins. */
  readonly onStep?: ((step: AssessmentStep) => void) | undefined;
}

/** A part of the work. */
export type AssessmentStep = CheckName | "clean-up";

/** Cleaning up takes no longer, in milliseconds, even when the work was interrupted. */
const CLEAN_UP_MS = 120_000;

/**
 * Try out whether a store does what backups need, and how fast. `store` must be an empty place of its own, such as a folder beside
 * or below a repository, and be treated as the engine would get it (`wrapStore`): what is written there is removed in the end, also when the work is interrupted or fails.
 *
 * @throws {TsbakError} What `create` throws, if there can be no such place, and `interrupted`. That a store does not do what it must
 * is no error, but a failed check.
 */
export async function assessStore(
  store: Backend,
  options: AssessmentOptions = {},
): Promise<StoreAssessment> {
  const { signal } = options;
  const files = new ScratchFiles(store, signal);
  let result: Measured;
  let leftBehind = 0;
  await store.create({ signal });
  try {
    result = await assess(files, store, options);
  } finally {
    options.onStep?.("clean-up");
    leftBehind = await files.removeAll(AbortSignal.timeout(CLEAN_UP_MS));
    // Folders that stay do no harm, and must not hide what went wrong before.
    await store.removeFolders?.().catch(() => undefined);
  }
  return {
    location: store.location,
    connections: store.connections,
    ...result,
    leftBehind,
    foldersRemoved: store.removeFolders !== undefined && leftBehind === 0,
  };
}

type Measured = Pick<StoreAssessment, "checks" | "latency" | "throughput" | "clock">;

const NOT_MEASURED: Omit<Measured, "checks"> = {
  clock: undefined,
  latency: undefined,
  throughput: undefined,
};

async function assess(
  files: ScratchFiles,
  store: Backend,
  options: AssessmentOptions,
): Promise<Measured> {
  const { largeSize = 16 << 20, fileCount = 1100, samples = 10, patienceMs = 10_000 } = options;
  const checks: StoreCheck[] = [];
  for (const { name, meaning, run } of CHECKS) {
    options.onStep?.(name);
    checks.push(await judge(name, meaning, () => run(files, { fileCount, patienceMs })));
  }
  options.onStep?.("speed");
  let measured: Omit<Measured, "checks"> = NOT_MEASURED;
  const speed = await judge("speed", "how fast backups would be is unknown", async () => {
    const clock = await measureClock(files, store);
    measured = { ...NOT_MEASURED, clock };
    const latency = await measureLatency(files, samples);
    measured = { clock, latency, throughput: await measureThroughput(files, largeSize) };
  });
  return { checks: [...checks, speed], ...measured };
}

/** What an error means for a check; an interruption ends everything. */
async function judge(
  name: CheckName,
  meaning: string,
  run: () => Promise<void>,
): Promise<StoreCheck> {
  try {
    await run();
    return { name, outcome: "passed", finding: "", meaning: "" };
  } catch (error) {
    if (error instanceof Shortcoming)
      return { name, outcome: error.outcome, finding: error.message, meaning };
    if (!isTsbakError(error) || error.code === "interrupted") throw error;
    return { name, outcome: "failed", finding: error.message, meaning };
  }
}
