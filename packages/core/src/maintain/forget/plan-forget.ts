/**
 * What a policy would do to the snapshots of a repository, and which of it our guards hold back. Pure: nothing is read or removed.
 *
 * @module
 */
import { TsbakError } from "../../errors.ts";
import {
  groupSnapshots,
  type SnapshotGroup,
  type SnapshotGrouping,
  type SnapshotGroupKey,
} from "../../repository/group-snapshots.ts";
import type { SnapshotEntry } from "../../repository/snapshots.ts";
import { findDistrusted } from "./distrusted.ts";
import {
  applyPolicy,
  isEmptyPolicy,
  type KeepPolicy,
  type PolicyOutcome,
  type PolicySetting,
} from "./policy.ts";
import { findShrink, type Shrink } from "./shrink.ts";

/** How much of a group a run may remove without being asked: a share from 0 to 1, or a number of snapshots. */
export type ForgetLimit = { readonly share: number } | { readonly count: number };

/** The limit unless another is given. A share says nothing about a few snapshots; see `EXEMPT`. */
export const DEFAULT_FORGET_LIMIT: ForgetLimit = { share: 0.9 };
/** So many may go from a group whatever share of it they are. */
const EXEMPT = 10;

/** What to plan. */
export interface ForgetPlanOptions extends PolicySetting {
  readonly policy: KeepPolicy;
  readonly groupBy: SnapshotGrouping;
  /** Believe all times. */
  readonly trustTimes?: boolean | undefined;
  /** Take no notice of a newest snapshot that is much smaller. */
  readonly allowShrink?: boolean | undefined;
  /** The time of the last snapshot that was allowed to be smaller. */
  readonly acceptedShrink?: ((group: SnapshotGroupKey) => string | undefined) | undefined;
  /** Without one any number may be removed. */
  readonly limit?: ForgetLimit | undefined;
  /** Instead of the rules of `distrusted.ts`: those of a group whose time is not believed, by their ids, each with the reason. */
  readonly findDistrusted?:
    ((group: readonly SnapshotEntry[]) => ReadonlyMap<string, string>) | undefined;
}

/** What becomes of a group. Newest first. */
export interface ForgetGroup extends PolicyOutcome {
  readonly group: SnapshotGroup;
  /** Snapshots that are neither counted nor removed, by id, each with the reason. They are among `keep`. */
  readonly distrusted: ReadonlyMap<string, string>;
  /** Set if the newest snapshot is much smaller than usual. */
  readonly shrink: Shrink | undefined;
  /** Nothing is removed because of that. */
  readonly isFrozen: boolean;
  /** More is to be removed than the limit allows. */
  readonly isOverLimit: boolean;
}

/**
 * The plan for each group, in the order of `groupSnapshots`.
 *
 * @throws {TsbakError} `invalid-argument` if a policy that has rules would keep nothing of a group.
 */
export function planForget(
  entries: readonly SnapshotEntry[],
  options: ForgetPlanOptions,
): ForgetGroup[] {
  return groupSnapshots(entries, options.groupBy).map((group) => planGroup(group, options));
}

/** A group in restic's words: `host vm, paths [/home /etc]`. */
export function describeGroup({ host, paths, tags }: SnapshotGroupKey): string {
  const parts = [
    host === undefined ? "" : `host ${host}`,
    paths === undefined ? "" : `path [${paths.join(" ")}]`,
    tags === undefined ? "" : `tags [${tags.join(" ")}]`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function planGroup(group: SnapshotGroup, options: ForgetPlanOptions): ForgetGroup {
  const { policy } = options;
  const isEmpty = isEmptyPolicy(policy);
  // Whoever wants to remove all of it means it.
  const isGuarded = !isEmpty;
  const distrusted =
    isGuarded && options.trustTimes !== true
      ? (options.findDistrusted?.(group.entries) ?? findDistrusted(group.entries, options.nowMs))
      : new Map<string, string>();
  const outcome = decide(group.entries, distrusted, options);
  if (!isEmpty && outcome.keep.length === 0) throw keepsNothing(group);
  const believed = group.entries.filter(({ id }) => !outcome.distrusted.has(id));
  const shrink = isGuarded ? findShrink(believed, options.acceptedShrink?.(group)) : undefined;
  const { keep, remove } = outcome;
  const isFrozen = shrink !== undefined && options.allowShrink !== true && remove.length > 0;
  if (isFrozen) return { group, ...frozen(outcome), shrink, isFrozen, isOverLimit: false };
  const isOverLimit =
    isGuarded && exceeds(remove.length, keep.length + remove.length, options.limit);
  return { group, ...outcome, shrink, isFrozen, isOverLimit };
}

type Decision = Pick<ForgetGroup, "keep" | "remove" | "distrusted">;

/** Snapshots whose time is not believed are left out of the account only if they would make another one be removed. */
function decide(
  entries: readonly SnapshotEntry[],
  distrusted: ReadonlyMap<string, string>,
  options: ForgetPlanOptions,
): Decision {
  const all = applyPolicy(entries, options.policy, options);
  if (distrusted.size === 0) return { ...all, distrusted };
  const trusted = entries.filter(({ id }) => !distrusted.has(id));
  const others = applyPolicy(trusted, options.policy, options);
  const removed = new Set(all.remove.map(({ id }) => id));
  if (!others.keep.some(({ entry }) => removed.has(entry.id))) {
    return { ...all, distrusted: new Map() };
  }
  const spared = entries.filter(({ id }) => distrusted.has(id));
  const keep = [
    ...others.keep,
    ...spared.map((entry) => ({ entry, reasons: [distrusted.get(entry.id) ?? ""] })),
  ];
  return { keep, remove: others.remove, distrusted };
}

function frozen({ keep, remove, distrusted }: Decision): Decision {
  const spared = remove.map((entry) => ({ entry, reasons: ["newest snapshot is much smaller"] }));
  return { keep: [...keep, ...spared], remove: [], distrusted };
}

function exceeds(removed: number, total: number, limit: ForgetLimit | undefined): boolean {
  if (limit === undefined) return false;
  if ("count" in limit) return removed > limit.count;
  return removed > EXEMPT && removed > total * limit.share;
}

function keepsNothing(group: SnapshotGroup): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot forget snapshots: the policy keeps none of the group "${describeGroup(group)}"; ` +
      "add a rule that keeps some, or name the snapshots that are to go",
  );
}
