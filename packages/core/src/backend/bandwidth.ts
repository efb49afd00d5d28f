import { Pacer, type PacerClock } from "../async/pacer.ts";
import type { Backend } from "./backend.ts";
import { wrapCalls } from "./wrap-calls.ts";

/** Bytes in a second; without one there is no limit. */
export interface BandwidthOptions {
  readonly upload?: number | undefined;
  readonly download?: number | undefined;
  readonly clock?: PacerClock | undefined;
}

/**
 * The same store, whose calls together send and receive no more than so many bytes in a second. How smooth that is depends on the
 * size of the pieces that the store reports; see `OnBytes`. Files are not opened, because what is read of them could not be paced.
 */
export function withBandwidth(backend: Backend, options: BandwidthOptions): Backend {
  const { upload, download, clock } = options;
  const up = upload === undefined ? undefined : new Pacer(upload, clock);
  const down = download === undefined ? undefined : new Pacer(download, clock);
  const { openFile, ...paced } = wrapCalls(backend, (call, callOptions) => ({
    options: {
      ...callOptions,
      onBytes: (count) => {
        const pacer = call.method === "write" ? up : down;
        const earlier = callOptions?.onBytes?.(count);
        const turn = pacer?.take(count, callOptions?.signal);
        return earlier === undefined ? turn : earlier.then(() => turn);
      },
    },
    run: (work) => work(),
  }));
  return openFile !== undefined && down === undefined ? { ...paced, openFile } : paced;
}
