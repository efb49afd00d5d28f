import type { Traffic } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatSize } from "./format-text.ts";

/** What was asked of all stores of a command together. */
interface Sum {
  readonly requests: Readonly<Record<string, number>>;
  readonly priceClasses: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly retries: number;
}

/** Fields of ours for a summary of restic's; none for stores on this machine, whose calls are not counted. */
export function trafficFields({ traffic }: Context): Record<string, unknown> {
  const sum = sumUp(traffic);
  if (sum === undefined) return {};
  return {
    tsbak_requests: sum.requests,
    tsbak_price_classes: sum.priceClasses,
    tsbak_retries: sum.retries,
    tsbak_bytes_sent: sum.bytesSent,
    tsbak_bytes_received: sum.bytesReceived,
  };
}

/** The same for people, in one line. */
export function describeTraffic({ traffic }: Pick<Context, "traffic">): string | undefined {
  const sum = sumUp(traffic);
  if (sum === undefined) return undefined;
  const { requests, priceClasses, bytesSent, bytesReceived, retries } = sum;
  const kinds = Object.entries(requests).map(([method, count]) => `${count} ${method}`);
  const classes = Object.entries(priceClasses).map(([name, count]) => `${count} of class ${name}`);
  return [
    `requests: ${kinds.join(", ")}`,
    ...(classes.length === 0 ? [] : [`charged as ${classes.join(", ")}`]),
    ...(retries === 0 ? [] : [`${retries} repeated`]),
    `sent ${formatSize(bytesSent)}, received ${formatSize(bytesReceived)}`,
  ].join("; ");
}

function sumUp(traffic: readonly Traffic[]): Sum | undefined {
  const requests = addUp(traffic.map((one) => Object.entries(one.requests)));
  if (Object.keys(requests).length === 0) return undefined;
  const total = (pick: (one: Traffic) => number): number =>
    traffic.reduce((sum, one) => sum + pick(one), 0);
  return {
    requests,
    priceClasses: addUp(traffic.map((one) => [...one.priceClasses].sort())),
    bytesSent: total((one) => one.bytesSent),
    bytesReceived: total((one) => one.bytesReceived),
    retries: total((one) => one.retries),
  };
}

/** Counts by name; what is zero is left out. */
function addUp(
  counts: readonly (readonly (readonly [string, number])[])[],
): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, count] of counts.flat()) {
    if (count > 0) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
