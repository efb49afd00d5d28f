import type { FileRef } from "../../backend/backend.ts";
import type { RetentionReport } from "../forget/apply-retention.ts";
import type {
  FileCounts,
  MirroredKind,
  MirrorEvent,
  MirrorProblem,
  MirrorReport,
  MirrorSide,
} from "./mirror-report.ts";

type Counts = Record<MirroredKind, FileCounts>;

/** Collects what a run does, and tells how far it is. */
export class MirrorLog implements MirrorReport {
  readonly copied: Counts = noCounts();
  readonly deleted: Counts = noCounts();
  readonly newSnapshots: string[] = [];
  readonly deletedSnapshots: string[] = [];
  snapshotsOnlyOnTarget: string[] = [];
  onlyOnTarget = 0;
  unwanted: readonly string[] = [];
  retention: RetentionReport | undefined;
  readonly healed: { side: MirrorSide; file: FileRef }[] = [];
  readonly problems: MirrorProblem[] = [];
  readonly #onEvent: ((event: MirrorEvent) => void) | undefined;
  #state: MirrorEvent | undefined;

  constructor(onEvent?: (event: MirrorEvent) => void) {
    this.#onEvent = onEvent;
  }

  begin(phase: MirrorEvent["phase"], filesTotal: number, bytesTotal: number): void {
    this.#tell({ phase, filesDone: 0, filesTotal, bytesDone: 0, bytesTotal });
  }

  /** A file is done with, whatever came of it. */
  step(bytes: number): void {
    const state = this.#state;
    if (state === undefined) return;
    const { filesDone, bytesDone } = state;
    this.#tell({ ...state, filesDone: filesDone + 1, bytesDone: bytesDone + bytes });
  }

  copy({ kind, name }: FileRef, bytes: number): void {
    add(this.copied[mirrored(kind)], bytes);
    if (kind === "snapshot") this.newSnapshots.push(name);
  }

  delete({ kind, name }: FileRef, bytes: number): void {
    add(this.deleted[mirrored(kind)], bytes);
    if (kind === "snapshot") this.deletedSnapshots.push(name);
  }

  heal(side: MirrorSide, file: FileRef): void {
    this.healed.push({ side, file });
  }

  problem(
    kind: MirrorProblem["kind"],
    side: MirrorSide | undefined,
    file: FileRef,
    message: string,
  ): void {
    this.problems.push({ kind, side, file, message });
  }

  #tell(state: MirrorEvent): void {
    this.#state = state;
    this.#onEvent?.(state);
  }
}

function mirrored(kind: FileRef["kind"]): MirroredKind {
  if (kind === "lock" || kind === "trash")
    throw new TypeError(`Cannot mirror a file of kind ${kind}: it belongs to one place`);
  return kind;
}

function noCounts(): Counts {
  const none = (): FileCounts => ({ files: 0, bytes: 0 });
  return { config: none(), key: none(), pack: none(), index: none(), snapshot: none() };
}

function add(counts: FileCounts, bytes: number): void {
  counts.files++;
  counts.bytes += bytes;
}
