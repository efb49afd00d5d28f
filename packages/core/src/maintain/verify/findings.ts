import type { BlobType } from "../../format/blob-type.ts";
import type { AffectedPath, VerifyHint, VerifyProblem } from "./verify-report.ts";

/** Affected paths that one problem lists; the others are counted. */
const MAX_AFFECTED = 20;
/** Missing blobs that are reported one by one; a lost index file can make a million. */
const MAX_MISSING_BLOBS = 1000;
/** Packs that a hint names. */
const MAX_HINT_PACKS = 1000;

/** A problem whose affected paths are still being found. */
export interface OpenProblem extends Omit<VerifyProblem, "affected"> {
  lostBlobs: number;
  message: string;
  affectedCount: number;
  readonly affected: AffectedPath[];
}

/** Collects what is found. */
export class Findings {
  readonly errors: OpenProblem[] = [];
  readonly hints: VerifyHint[] = [];
  readonly #missing = new Map<string, OpenProblem>();
  readonly #brokenTrees = new Map<string, OpenProblem[]>();
  #moreMissing: OpenProblem | undefined;

  /** Note a problem. */
  error(problem: Pick<VerifyProblem, "kind" | "file" | "blob" | "message">): OpenProblem {
    const open = { ...problem, lostBlobs: 0, affected: [], affectedCount: 0 };
    this.errors.push(open);
    return open;
  }

  /** Take over the errors that others have collected, which know of no blobs yet. */
  add(others: Findings): void {
    this.errors.push(...others.errors);
  }

  /** Note a hint, if there is any pack that it is about. */
  hint(kind: VerifyHint["kind"], packs: readonly string[], message: string): void {
    if (packs.length > 0) this.hints.push({ kind, packs: packs.slice(0, MAX_HINT_PACKS), message });
  }

  /** The problem of a blob that the index does not know, noted at the first call. */
  missing(type: BlobType, id: string): OpenProblem {
    const key = `${type}:${id}`;
    let problem = this.#missing.get(key);
    if (problem === undefined) {
      problem = this.#isFull() ? this.#oneMoreMissing() : this.#missingBlob(type, id);
      if (problem !== this.#moreMissing) this.#missing.set(key, problem);
    }
    return problem;
  }

  /** Note what is wrong inside a tree. */
  brokenTree(kind: "tree-damaged" | "tree-invalid", id: string, message: string): void {
    const problem = this.error({ kind, blob: { type: "tree", id }, message });
    this.#brokenTrees.set(id, [...this.problemsOfTree(id), problem]);
  }

  /** What was noted of a tree. */
  problemsOfTree(id: string): readonly OpenProblem[] {
    return this.#brokenTrees.get(id) ?? [];
  }

  /** Something that cannot be restored because of a problem. */
  affect(problem: OpenProblem, path: AffectedPath): void {
    problem.affectedCount++;
    if (problem.affected.length < MAX_AFFECTED) problem.affected.push(path);
  }

  #isFull(): boolean {
    return this.#missing.size >= MAX_MISSING_BLOBS;
  }

  #missingBlob(type: BlobType, id: string): OpenProblem {
    const message = `${type} blob ${id} is needed, but no index file lists it`;
    const problem = this.error({ kind: "blob-missing", blob: { type, id }, message });
    problem.lostBlobs = 1;
    return problem;
  }

  #oneMoreMissing(): OpenProblem {
    const message = "More blobs are needed, but no index file lists them";
    return (this.#moreMissing ??= this.error({ kind: "blob-missing", message }));
  }
}
