import type { Traffic } from "@tsbak/core";
import type { Environment } from "./environment.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { GlobalFlags } from "./options.ts";
import type { Output } from "./output.ts";

/** What a command is run with. */
export interface Context {
  readonly globals: GlobalFlags;
  readonly environment: Environment;
  readonly output: Output;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Have something done when the command has ended, however it did; what was asked for last comes first. */
  readonly atEnd: (work: () => Promise<void>) => void;
  /** What was asked so far of each store that was opened. */
  readonly traffic: Traffic[];
}

/** What a command does; what it gives is the exit code. Errors are thrown, and printed by the caller. */
export type CommandAction<Flags> = (
  context: Context,
  args: readonly string[],
  flags: Flags,
) => Promise<ExitCode>;
