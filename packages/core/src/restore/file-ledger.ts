import type { RootedDirectory } from "../fs/rooted.ts";
import { closeFile } from "../fs/write-file.ts";
import { describeFailure } from "./describe-failure.ts";
import type { PieceBlob } from "./pieces.ts";
import type { PartedFile, RestorePlan } from "./plan.ts";
import type { RestoreProgress } from "./progress.ts";
import type { RestoreFailure } from "./protocol.ts";

/**
 * Keeps account of which files are in their place, and which never will be. The invariant: a file of several blobs is on the
 * disk only while it is being written, or when all its blobs have been.
 */
export class FileLedger {
  /** Files whose parts have all been written and that are to be finished. */
  readonly complete: number[] = [];
  readonly #plan: RestorePlan;
  readonly #root: RootedDirectory;
  readonly #progress: RestoreProgress;

  constructor(plan: RestorePlan, root: RootedDirectory, progress: RestoreProgress) {
    this.#plan = plan;
    this.#root = root;
    this.#progress = progress;
  }

  /** Create the files of which these blobs are parts, where that has not been done. */
  create(blobs: readonly PieceBlob[]): void {
    const { partedFiles, uses } = this.#plan;
    if (partedFiles.size === 0) return;
    for (const blob of blobs) {
      for (const use of blob.uses) {
        const file = uses.files[use] as number;
        const parted = partedFiles.get(file);
        if (parted?.state === "planned") this.#create(file, parted);
      }
    }
  }

  /** A blob has been written to all its places, but for files that failed. */
  written(blob: PieceBlob): void {
    const { uses, partedFiles, failedFiles, files } = this.#plan;
    const length = blob.uncompressedLength || blob.length - 32;
    for (const use of blob.uses) {
      const file = uses.files[use] as number;
      if (failedFiles.has(file)) continue;
      this.#progress.wrote(length);
      const parted = partedFiles.get(file);
      if (parted === undefined) this.#done(file, files.size(file));
      else if (--parted.remaining === 0) this.complete.push(file);
    }
  }

  /** A file without parts, or with all of them, is in its place unless it failed. */
  finish(file: number): void {
    const { partedFiles, failedFiles, files } = this.#plan;
    if (failedFiles.has(file)) return;
    const parted = partedFiles.get(file);
    if (parted !== undefined) parted.state = "finished";
    this.#done(file, files.size(file));
  }

  /** What came back from a worker about the file of an entry. */
  receive({ of, message, refused }: RestoreFailure, file: number): void {
    if (of === "refused") this.#progress.refused(refused ?? 0);
    else if (of === "metadata") this.noteDefect(file, message);
    else this.fail(file, message);
  }

  /** A file that is in its place is not quite as it was. */
  noteDefect(file: number, message: string): void {
    this.#progress.error(this.#plan.path(this.#plan.files, file), message);
  }

  /** A file cannot be restored. What there is of it is removed. */
  fail(file: number, message: string): void {
    const { partedFiles, failedFiles } = this.#plan;
    if (failedFiles.has(file)) return;
    failedFiles.add(file);
    this.noteDefect(file, message);
    const parted = partedFiles.get(file);
    if (parted !== undefined) this.#remove(file, parted);
  }

  /** A blob cannot be read: all files that need it fail. */
  failUses(blob: PieceBlob, message: string): void {
    for (const use of blob.uses) this.fail(this.#plan.uses.files[use] as number, message);
  }

  /** After a failure of the whole restore: remove the files that have only some of their parts. */
  removeUnfinished(): void {
    for (const [file, parted] of this.#plan.partedFiles) this.#remove(file, parted);
  }

  #done(file: number, size: number): void {
    this.#progress.done("file", size, () => this.#plan.path(this.#plan.files, file));
  }

  #create(file: number, parted: PartedFile): void {
    const { files, directories } = this.#plan;
    try {
      const directory = directories.path(files.directory(file));
      closeFile(this.#root.createFile(directory, files.name(file)));
      parted.state = "created";
    } catch (error) {
      this.fail(file, describeFailure(error));
    }
  }

  #remove(file: number, parted: PartedFile): void {
    const { files, directories } = this.#plan;
    if (parted.state === "created") {
      try {
        this.#root.unlink(directories.path(files.directory(file)), files.name(file));
      } catch (error) {
        this.noteDefect(file, `what there is of it cannot be removed: ${describeFailure(error)}`);
      }
    }
    if (parted.state !== "finished") parted.state = "failed";
  }
}
