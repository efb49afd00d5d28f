import type { RootedDirectory } from "../fs/rooted.ts";
import { plainLengthOf } from "../repository/shared-index.ts";
import { describeFailure } from "./describe-failure.ts";
import { isSame, isUpdate, STANDING } from "./entry-table.ts";
import type { PieceBlob } from "./pieces.ts";
import type { PartedFile, RestorePlan } from "./restore-plan.ts";
import type { RestoreProgress } from "./progress.ts";
import type { RestoreFailure } from "./protocol.ts";

/**
 * Keeps account of which files are in their place, and which never will be. The invariant: a file of several blobs has its name
 * only when all its blobs have been written; one that stood there before stays.
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

  /** Create a file of several blobs in whose place nothing stands. */
  create(file: number, parted: PartedFile): void {
    const { files, directories } = this.#plan;
    try {
      const directory = directories.path(files.directory(file));
      this.#root.closeCreated(this.#root.createFile(directory, files.nameOnDisk(file)));
      parted.state = "created";
    } catch (error) {
      this.fail(file, describeFailure(error));
    }
  }

  /** A blob has been written to all its places, but for files that failed. */
  written(blob: PieceBlob): void {
    const { uses, partedFiles, failedFiles, files } = this.#plan;
    const length = plainLengthOf(blob.length, blob.uncompressedLength);
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
    files.temporaryNames.delete(file);
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

  /**
   * After a failure of the whole restore: remove the files that have only some of their parts, or leave them under their temporary
   * names, for the next restore to go on with.
   */
  removeUnfinished(options: { readonly keepsParts: boolean }): void {
    const { files, partedFiles } = this.#plan;
    for (const [file, parted] of partedFiles) {
      const isKept = files.temporaryNames.has(file) && files.standing(file) !== STANDING.replaced;
      if (!isKept || !options.keepsParts) this.#remove(file, parted);
    }
  }

  #done(file: number, size: number): void {
    const path = (): Uint8Array => this.#plan.path(this.#plan.files, file);
    const standing = this.#plan.files.standing(file);
    if (isSame(standing)) this.#progress.unchanged("file", size, path);
    else this.#progress.done("file", size, path, isUpdate(standing));
  }

  /** A file that stood there before stays, whatever it holds by now. */
  #remove(file: number, parted: PartedFile): void {
    const { files, directories } = this.#plan;
    const standing = files.standing(file);
    const isLeftOver = parted.state === "planned" && standing === STANDING.continued;
    if (isLeftOver || (parted.state === "created" && standing !== STANDING.updated)) {
      try {
        this.#root.unlink(directories.path(files.directory(file)), files.nameOnDisk(file));
      } catch (error) {
        this.noteDefect(file, `what there is of it cannot be removed: ${describeFailure(error)}`);
      }
    }
    if (parted.state !== "finished") parted.state = "failed";
  }
}
