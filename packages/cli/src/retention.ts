/**
 * What `copy` and `mirror` do with a policy for the target.
 *
 * @module
 */
import {
  describePolicy,
  isEmptyPolicy,
  isHeldBack,
  TsbakError,
  type Retention,
  type RetentionReport,
  type SnapshotFilter,
} from "@tsbak/core";
import { AcceptedShrinks } from "./accepted-shrinks.ts";
import type { Context } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { warnOfGuards } from "./forget-report.ts";
import { formatCount } from "./format-text.ts";
import {
  acceptShrinks,
  askAboutMany,
  planOptions,
  policyOf,
  type GuardFlags,
  type KeepFlags,
} from "./keep-policy.ts";

/** Flags of a retention at the target. */
export interface RetentionFlags extends KeepFlags, GuardFlags {
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  /** Nobody is there to be asked. */
  readonly unattended?: boolean;
}

const DEPENDENT = [
  ["prune", "--prune"],
  ["groupBy", "--group-by"],
  ["grace", "--grace"],
  ["maxForget", "--max-forget"],
  ["allowShrink", "--allow-shrink"],
  ["trustTimes", "--trust-times"],
] as const;

/**
 * The retention that flags ask for; undefined if they ask for none.
 *
 * @throws {TsbakError} `invalid-argument` if they say how to forget and not what to keep.
 */
export function retentionOf(
  context: Context,
  flags: RetentionFlags,
  target: { readonly id: string; readonly filter?: SnapshotFilter },
): Retention | undefined {
  refuseAlone(flags);
  const policy = policyOf(flags);
  if (isEmptyPolicy(policy)) return undefined;
  const { output, environment, signal } = context;
  output.say(`The target keeps: ${describePolicy(policy).replace(/^keep /, "")}`, 2);
  return {
    ...planOptions(policy, flags, new AcceptedShrinks(target.id, environment)),
    filter: target.filter,
    graceMs: flags.grace,
    allowMany: async (groups) => {
      await askAboutMany(context, groups, { signal, unattended: flags.unattended ?? false });
      return true;
    },
    onSnapshot: (id, error) => {
      const short = id.slice(0, 8);
      if (error === undefined) {
        output.say(`snapshot ${short} forgotten at the target`);
        return output.message({ message_type: "forgotten", snapshot_id: id });
      }
      const message = `unable to remove snapshot/${id} from the target: ${error.message}`;
      output.warnProblem(message, { message, during: "forget", item: id });
    },
  };
}

function refuseAlone(flags: RetentionFlags): void {
  const keeps = Object.keys(flags).filter((name) => /^keep[A-Z]/.test(name));
  if (keeps.length > 0 && isEmptyPolicy(policyOf(flags))) {
    throw new TsbakError(
      "invalid-argument",
      "Cannot forget at the target: the policy keeps nothing; give one that does, such as --keep-daily 7",
    );
  }
  const alone = DEPENDENT.find(([name]) => flags[name] !== undefined);
  if (keeps.length > 0 || alone === undefined) return;
  throw new TsbakError(
    "invalid-argument",
    `Cannot use ${alone[1]} alone: it says how the target forgets; say what it keeps, such as --keep-daily 7`,
  );
}

/** Tell how many snapshots were left out because of the policy. */
export function reportUnwanted({ output }: Context, { length }: readonly unknown[]): void {
  if (length === 0) return;
  const them = length === 1 ? "it" : "them";
  output.say(`${formatCount(length, "snapshot")} not copied, as the target would not keep ${them}`);
}

/** Tell what was held back, and remember what was allowed to shrink. */
export function reportRetention(
  context: Context,
  flags: RetentionFlags,
  targetId: string,
  report: RetentionReport | undefined,
): void {
  if (report === undefined) return;
  const { output } = context;
  for (const group of report.groups) warnOfGuards(context, group);
  if (flags.allowShrink === true && flags.dryRun !== true) {
    acceptShrinks(context, new AcceptedShrinks(targetId, context.environment), report.groups);
  }
  if (report.removed.length === 0) return;
  const isDry = flags.dryRun === true;
  const count = formatCount(report.removed.length, "snapshot");
  if (isDry) return output.say(`${count} would be forgotten at the target`);
  if (report.trash === "kept") {
    output.say(`${count} forgotten at the target; "tsbak undelete" there brings them back`);
  } else if (report.trash === "unsupported") {
    output.say(`${count} forgotten at the target, which has no trash: they cannot be brought back`);
  } else output.say(`${count} forgotten at the target`);
}

/** Of the summary. */
export function retentionFields(
  report: RetentionReport | undefined,
  unwanted: number,
): Record<string, unknown> {
  if (report === undefined) return {};
  return {
    snapshots_unwanted: unwanted,
    snapshots_forgotten: report.removed.length,
    snapshots_not_forgotten: report.failed.length,
  };
}

/** Not everything that the policy removes is gone: the same code as `forget` has then. */
export function retentionCode(report: RetentionReport | undefined): ExitCode {
  if (report === undefined) return EXIT.ok;
  return report.failed.length > 0 || isHeldBack(report) ? EXIT.incomplete : EXIT.ok;
}
