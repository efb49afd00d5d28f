import type { Backend } from "./backend.ts";
import { withBandwidth, type BandwidthOptions } from "./bandwidth.ts";
import { withLimit } from "./limit.ts";
import { withRetry, type RetryOptions } from "./retry.ts";
import { Traffic, withTraffic } from "./traffic.ts";
import { withWatchdog } from "./watchdog.ts";

/** How a store is treated. */
export interface WrapOptions {
  /** Counts every request. */
  readonly traffic: Traffic;
  readonly bandwidth?: BandwidthOptions | undefined;
  /** Longest time without progress, after which a call is repeated; 0 for no end. 5 minutes unless given. */
  readonly stuckMs?: number | undefined;
  readonly retry?: RetryOptions | undefined;
}

/**
 * A store over a network as the engine should use it. From the outside in: what is `unavailable` is repeated, and whoever waits for the next
 * attempt holds no connection; there are no more calls at once than the store has connections; bandwidth is limited, and who waits
 * for it is not stuck; what is stuck is aborted; and all that really reaches the store is counted.
 *
 * The cache comes outside of it, with `openRepository`.
 */
export function wrapStore(backend: Backend, options: WrapOptions): Backend {
  const { traffic, stuckMs, bandwidth = {}, retry = {} } = options;
  let wrapped = withTraffic(backend, traffic);
  if (stuckMs !== 0) wrapped = withWatchdog(wrapped, { stuckMs });
  wrapped = withLimit(limitBandwidth(wrapped, bandwidth), backend.connections);
  return withRetry(wrapped, {
    ...retry,
    onRetry: (notice) => {
      if (notice.kind === "failed") traffic.retries++;
      retry.onRetry?.(notice);
    },
  });
}

/**
 * A store in a local folder as the engine should use it: nothing is done twice, because the system has tried by itself, and threads may
 * open files. Only bandwidth is limited, if that is wanted.
 */
export function wrapLocalStore(backend: Backend, options: BandwidthOptions): Backend {
  // Local stores report no pieces; the one around them reports each file as one.
  return limitBandwidth(backend, options, () => withTraffic(backend, new Traffic()));
}

function limitBandwidth(
  backend: Backend,
  limits: BandwidthOptions,
  reporting: () => Backend = () => backend,
): Backend {
  if (limits.upload === undefined && limits.download === undefined) return backend;
  return withBandwidth(reporting(), limits);
}
