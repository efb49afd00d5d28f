import { PERIODS, tagListText, type KeepPolicy } from "./policy.ts";
import { formatTimeSpan, isEmptySpan, type TimeSpan } from "./time-span.ts";

/** A policy in restic's words: `keep 3 latest, 7 daily snapshots and all snapshots within 1m of the newest`. */
export function describePolicy(policy: KeepPolicy): string {
  const { last = 0, counts = {}, within, spans = {}, tagLists = [] } = policy;
  const counted = [
    ["latest", last] as const,
    ...PERIODS.map((name) => [name, counts[name] ?? 0] as const),
  ]
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count === Infinity ? "all" : count} ${name}`);
  const spanned = PERIODS.filter((name) => isWish(spans[name])).map(
    (name) => `${name} snapshots within ${formatTimeSpan(spans[name]!)}`,
  );
  const both = [...(counted.length === 0 ? [] : [`${counted.join(", ")} snapshots`]), ...spanned];
  const rules = [
    both.join(", "),
    tagLists.length === 0 ? "" : `all snapshots with tags [${tagLists.map(tagListText).join(" ")}]`,
    isWish(within) ? `all snapshots within ${formatTimeSpan(within)} of the newest` : "",
  ].filter((rule) => rule !== "");
  return rules.length === 0 ? "remove" : `keep ${rules.join(" and ")}`;
}

function isWish(span: TimeSpan | undefined): span is TimeSpan {
  return span !== undefined && !isEmptySpan(span);
}
