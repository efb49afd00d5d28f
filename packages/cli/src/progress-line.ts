import type { Context } from "./context.ts";
import type { Environment } from "./environment.ts";
import { setting } from "./environment.ts";
import { formatCount, formatSeconds, formatSize } from "./format-text.ts";
import type { Output } from "./output.ts";

/** How far an operation is. Sizes in bytes; a total is undefined as long as nobody knows it. */
export interface ProgressState {
  readonly filesDone: number;
  readonly bytesDone: number;
  readonly totalFiles: number | undefined;
  readonly totalBytes: number | undefined;
  readonly errors: number;
  /** What is being worked on, printable. */
  readonly current: string;
}

const DEFAULT_INTERVAL_MS = 100;
const HIGHEST_RATE = 60;
/** Before that, a rate says nothing. */
const SETTLED_SECONDS = 2;

/**
 * How often to show progress in milliseconds, or undefined for never: ten times a second on a terminal or with `--json`,
 * not with `--quiet` and not in cron. `TSBAK_PROGRESS_FPS` sets another rate, and then shows it everywhere.
 */
export function progressInterval(output: Output, environment: Environment): number | undefined {
  const rate = Number(setting(environment, "PROGRESS_FPS") ?? NaN);
  if (rate > 0) return 1000 / Math.min(rate, HIGHEST_RATE);
  if (output.verbosity === 0) return undefined;
  return output.json || output.isTerminal ? DEFAULT_INTERVAL_MS : undefined;
}

/** Shows the newest state at a steady rate until it is stopped. */
export class ProgressLine {
  readonly #output: Output;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #startMs = performance.now();
  readonly #toMessage: ((state: ProgressState, seconds: number) => object) | undefined;
  readonly #intervalMs: number | undefined;
  #state: ProgressState | undefined;
  #shownMs = performance.now();

  /** `toMessage` gives the fields of the status message for `--json`; without it there is none. */
  constructor(
    { output, environment }: Pick<Context, "output" | "environment">,
    toMessage?: (state: ProgressState, seconds: number) => object,
  ) {
    const intervalMs = progressInterval(output, environment);
    this.#output = output;
    this.#toMessage = toMessage;
    this.#intervalMs = intervalMs;
    if (intervalMs === undefined) return;
    this.#timer = setInterval(() => this.#show(), intervalMs);
    this.#timer.unref();
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#startMs) / 1000;
  }

  /** Note a new state; it is shown when it is time, even while the caller keeps the timer from running. */
  update(state: ProgressState): void {
    this.#state = state;
    const interval = this.#intervalMs;
    if (interval === undefined || performance.now() - this.#shownMs < interval) return;
    this.#show();
    // A JSON line must not wait until the caller rests, either.
    this.#output.flush();
  }

  /** Show no more, and remove what is shown. */
  stop(): void {
    clearInterval(this.#timer);
    this.#output.status([]);
  }

  #show(): void {
    const state = this.#state;
    this.#shownMs = performance.now();
    if (state === undefined) return;
    if (this.#output.json) {
      if (this.#toMessage === undefined) return;
      this.#output.message({ message_type: "status", ...this.#toMessage(state, this.seconds) });
    } else if (this.#output.isTerminal) {
      const line = describeProgress(state, this.seconds);
      this.#output.status(state.current === "" ? [line] : [line, state.current]);
    } else this.#output.print(describeProgress(state, this.seconds));
  }
}

/** The share that is done, 0 to 1; 0 if the total is not known. */
export function progressShare(state: ProgressState): number {
  const { bytesDone, totalBytes, filesDone, totalFiles } = state;
  if (totalBytes === undefined) return 0;
  if (totalBytes === 0) return totalFiles ? Math.min(1, filesDone / totalFiles) : 0;
  return Math.min(1, bytesDone / totalBytes);
}

/** Seconds that the rest takes at the pace so far, or undefined if that is a guess. */
export function secondsLeft(state: ProgressState, seconds: number): number | undefined {
  const share = progressShare(state);
  if (seconds < SETTLED_SECONDS || share === 0) return undefined;
  return Math.round((seconds * (1 - share)) / share);
}

/** `[0:05] 42.10%, ETA 0:07  120 / 300 files, 1.2 GiB / 2.8 GiB, 245.7 MiB/s`. */
export function describeProgress(state: ProgressState, seconds: number): string {
  const { filesDone, bytesDone, totalFiles, totalBytes, errors } = state;
  const isKnown = totalFiles !== undefined && totalBytes !== undefined;
  const done = formatSize(bytesDone, 1);
  const parts = [
    isKnown ? `${filesDone} / ${totalFiles} files` : formatCount(filesDone, "file"),
    isKnown ? `${done} / ${formatSize(totalBytes, 1)}` : done,
    seconds >= 1 ? `${formatSize(Math.round(bytesDone / seconds), 1)}/s` : "",
    errors > 0 ? formatCount(errors, "error") : "",
  ];
  const share = isKnown ? progressShare(state) : undefined;
  const head = formatHead(seconds, share, secondsLeft(state, seconds));
  return `${head}  ${parts.filter((part) => part !== "").join(", ")}`;
}

/** `[0:05] 42.10%, ETA 0:07`: what must not be cut off stands first. */
export function formatHead(
  seconds: number,
  share: number | undefined,
  left: number | undefined,
): string {
  const percent = share === undefined ? "" : ` ${(share * 100).toFixed(2)}%`;
  const eta = left === undefined ? "" : `, ETA ${formatSeconds(left)}`;
  return `[${formatSeconds(seconds)}]${percent}${eta}`;
}
