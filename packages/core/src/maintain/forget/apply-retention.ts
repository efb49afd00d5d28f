import type { CallOptions } from "../../backend/backend.ts";
import { TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { forgetSnapshots, type ForgetOptions, type ForgetResult } from "./forget.ts";
import type { ForgetGroup } from "./plan-forget.ts";
import type { RetentionPlan } from "./retention.ts";

/** What a second place keeps, and how it forgets the rest. */
export interface Retention extends RetentionPlan, Pick<ForgetOptions, "graceMs" | "onSnapshot"> {
  /** Asked before anything is removed if that is more than `limit` of some groups, which it is given. Without it that is refused. */
  readonly allowMany?: ((groups: readonly ForgetGroup[]) => Promise<boolean>) | undefined;
}

/** What a retention did in the second place; of a dry run, what it would have done. */
export interface RetentionReport extends ForgetResult {
  readonly groups: readonly ForgetGroup[];
}

/** True if nothing is removed of some groups because their newest snapshot is suspiciously small. */
export function isHeldBack({ groups }: RetentionReport): boolean {
  return groups.some(({ isFrozen }) => isFrozen);
}

/**
 * Remove what a plan removes, under an exclusive lock that the caller holds.
 *
 * @throws {TsbakError} `invalid-argument` if it is more than the limit and nobody allows it: then nothing was removed.
 */
export async function applyRetention(
  repository: Repository,
  groups: readonly ForgetGroup[],
  retention: Retention,
  call: CallOptions & { readonly dryRun?: boolean | undefined },
): Promise<RetentionReport> {
  const ids = groups.flatMap(({ remove }) => remove.map(({ id }) => id));
  const { graceMs, onSnapshot, allowMany } = retention;
  const nothing = { removed: [], failed: [], trash: graceMs === 0 ? "off" : "kept" } as const;
  if (call.dryRun === true) return { ...nothing, groups, removed: ids };
  if (ids.length === 0) return { ...nothing, groups };
  const many = groups.filter(({ isOverLimit }) => isOverLimit);
  if (many.length > 0 && (await allowMany?.(many)) !== true) throw tooMany(many);
  const options = { graceMs, onSnapshot, signal: call.signal };
  return { ...(await forgetSnapshots(repository, ids, options)), groups };
}

function tooMany(groups: readonly ForgetGroup[]): TsbakError {
  const { remove, keep } = groups[0]!;
  return new TsbakError(
    "invalid-argument",
    `Cannot forget snapshots: ${remove.length} of the ${remove.length + keep.length} of a group would be removed, which is more than the limit; nothing was removed`,
  );
}
