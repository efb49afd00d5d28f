import {
  DEFAULT_FORGET_LIMIT,
  localOffsetSeconds,
  TsbakError,
  type ForgetGroup,
  type ForgetLimit,
  type ForgetPlanOptions,
  type KeepPolicy,
  type TimeSpan,
} from "@tsbak/core";
import type { AcceptedShrinks } from "./accepted-shrinks.ts";
import type { Context } from "./context.ts";
import { describeRemoval } from "./forget-report.ts";
import type { Grouping } from "./parse-values.ts";
import { askWhether } from "./prompt.ts";

/** Which snapshots to keep. */
export interface KeepFlags {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly keepWithin?: TimeSpan;
  readonly keepWithinHourly?: TimeSpan;
  readonly keepWithinDaily?: TimeSpan;
  readonly keepWithinWeekly?: TimeSpan;
  readonly keepWithinMonthly?: TimeSpan;
  readonly keepWithinYearly?: TimeSpan;
  readonly keepTag?: readonly (readonly string[])[];
}

/** How a policy is applied, and what may hold it back. */
export interface GuardFlags {
  readonly groupBy?: Grouping;
  /** Milliseconds. */
  readonly grace?: number;
  readonly maxForget?: ForgetLimit;
  readonly allowShrink?: boolean;
  readonly trustTimes?: boolean;
}

const HOST_AND_PATHS: Grouping = { host: true, paths: true, tags: false };

/** The policy that flags ask for; an empty one without any. */
export function policyOf(flags: KeepFlags): KeepPolicy {
  return {
    last: flags.keepLast,
    counts: {
      hourly: flags.keepHourly ?? 0,
      daily: flags.keepDaily ?? 0,
      weekly: flags.keepWeekly ?? 0,
      monthly: flags.keepMonthly ?? 0,
      yearly: flags.keepYearly ?? 0,
    },
    within: flags.keepWithin,
    spans: {
      ...(flags.keepWithinHourly && { hourly: flags.keepWithinHourly }),
      ...(flags.keepWithinDaily && { daily: flags.keepWithinDaily }),
      ...(flags.keepWithinWeekly && { weekly: flags.keepWithinWeekly }),
      ...(flags.keepWithinMonthly && { monthly: flags.keepWithinMonthly }),
      ...(flags.keepWithinYearly && { yearly: flags.keepWithinYearly }),
    },
    tagLists: flags.keepTag,
  };
}

/** What a policy is applied with. */
export function planOptions(
  policy: KeepPolicy,
  flags: GuardFlags,
  accepted: AcceptedShrinks,
): ForgetPlanOptions {
  return {
    policy,
    groupBy: flags.groupBy ?? HOST_AND_PATHS,
    nowMs: Date.now(),
    zoneOffset: localOffsetSeconds,
    trustTimes: flags.trustTimes,
    allowShrink: flags.allowShrink,
    acceptedShrink: (group) => accepted.timeOf(group),
    limit: flags.maxForget ?? DEFAULT_FORGET_LIMIT,
  };
}

/**
 * Ask at a terminal whether so much is to be removed.
 *
 * @throws {TsbakError} `invalid-argument` if the answer is no, or there is nobody to ask.
 */
export async function askAboutMany(
  { output }: Context,
  groups: readonly ForgetGroup[],
  { signal, unattended }: { readonly signal: AbortSignal; readonly unattended?: boolean },
): Promise<void> {
  const lines = groups.map(describeRemoval);
  const terminal = { input: process.stdin, output: process.stderr };
  const isThere = !output.json && terminal.input.isTTY && terminal.output.isTTY;
  if (isThere && unattended !== true) {
    for (const line of lines) output.warn(line);
    if (await askWhether(terminal, "Remove them?", signal)) return;
  }
  throw new TsbakError(
    "invalid-argument",
    `Cannot forget snapshots: ${lines.join("; ")}; that is more than --max-forget allows. ` +
      "Nothing was removed. If it is meant, run it once with --max-forget 100%",
  );
}

/** What the groups are like now is taken as usual from now on. */
export function acceptShrinks(
  { output }: Context,
  accepted: AcceptedShrinks,
  groups: readonly ForgetGroup[],
): void {
  for (const { group, shrink } of groups) {
    if (shrink === undefined) continue;
    try {
      accepted.accept(group, shrink.newest.snapshot.time);
    } catch (error) {
      if (!(error instanceof TsbakError)) throw error;
      return output.warn(`--allow-shrink is not remembered: ${error.message}`);
    }
  }
}
