import type { Backend, CallOptions } from "../../backend/backend.ts";
import type { Repository } from "../../repository/repository.ts";
import type { MirrorLog } from "./mirror-log.ts";

/** What the parts of one run share. */
export interface MirrorRun {
  readonly source: Repository;
  /** In a dry run a `PlannedTarget`. */
  readonly target: Backend;
  /** The target as a repository, with the keys of the source. */
  readonly mirror: Repository;
  readonly log: MirrorLog;
  /** Nothing is read of what would be copied, and nothing is written or removed, only noted. */
  readonly isDry: boolean;
  readonly call: CallOptions;
  /** Files that are on their way at once. */
  readonly concurrency: number;
}
