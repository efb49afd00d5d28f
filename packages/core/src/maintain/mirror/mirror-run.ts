import type { Backend, CallOptions } from "../../backend/backend.ts";
import type { Repository } from "../../repository/repository.ts";
import type { MirrorLog } from "./mirror-log.ts";

/** What the parts of one run share. */
export interface MirrorRun {
  readonly source: Repository;
  readonly target: Backend;
  readonly log: MirrorLog;
  /** Nothing is written or removed, only noted. */
  readonly isDry: boolean;
  readonly call: CallOptions;
  /** Files that are on their way at once. */
  readonly concurrency: number;
}
