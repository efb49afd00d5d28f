import type { Backend, BackendMethod, OnBytes } from "./backend.ts";
import { wrapCalls, type BackendCall } from "./wrap-calls.ts";

/** Stores that charge for listings count so many files as one request. */
const LISTED_PER_REQUEST = 1000;

/** What was asked of a store so far, every attempt included. */
export class Traffic {
  readonly requests: Record<BackendMethod, number> = {
    create: 0,
    write: 0,
    read: 0,
    stat: 0,
    list: 0,
    remove: 0,
  };
  /** Requests by what the store charges for them; see `Backend.priceClasses`. */
  readonly priceClasses: Map<string, number> = new Map();
  /** Contents of files only, as far as the calls came. */
  bytesSent = 0;
  bytesReceived = 0;
  /** How many of the requests were repetitions. */
  retries = 0;

  /** Note a request, and that it costs as much as `priceClass` says. */
  noteRequest(method: BackendMethod, priceClass: string | undefined): void {
    this.requests[method]++;
    if (priceClass === undefined) return;
    this.priceClasses.set(priceClass, (this.priceClasses.get(priceClass) ?? 0) + 1);
  }

  noteBytes(method: BackendMethod, count: number): void {
    if (method === "write") this.bytesSent += count;
    else this.bytesReceived += count;
  }
}

/**
 * The same store, whose requests and bytes are added up in `traffic`. All bytes of a call go through its `onBytes` then, at the latest when
 * the call has succeeded, so that wrappers around this one need not know whether the store itself reports them.
 */
export function withTraffic(backend: Backend, traffic: Traffic): Backend {
  return wrapCalls(backend, (call, options) => {
    const note = (): void => traffic.noteRequest(call.method, backend.priceClasses?.[call.method]);
    const meter = meterOf(call, traffic, options?.onBytes);
    note();
    let listed = 0;
    return {
      options: { ...options, onBytes: meter.onBytes },
      run: async (work) => {
        const result = await work();
        if (call.method === "list" && ++listed % LISTED_PER_REQUEST === 0) note();
        const bytes = result instanceof Uint8Array ? result.length : (call.size ?? 0);
        await meter.completeTo(bytes);
        return result;
      },
    };
  });
}

interface Meter {
  readonly onBytes: OnBytes;
  /** Report what is missing to so many bytes. */
  completeTo(total: number): Promise<void>;
}

function meterOf({ method }: BackendCall, traffic: Traffic, report: OnBytes | undefined): Meter {
  let reported = 0;
  const onBytes: OnBytes = (count) => {
    reported += count;
    traffic.noteBytes(method, count);
    return report?.(count);
  };
  return {
    onBytes,
    completeTo: async (total) => {
      if (total > reported) await onBytes(total - reported);
    },
  };
}
