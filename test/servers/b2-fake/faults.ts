/** How a request is to fail: with an answer, without one, or with one that breaks off. */
export type Failure =
  | {
      readonly status: number;
      readonly code: string;
      /** Seconds. */
      readonly retryAfter?: number | undefined;
      /** Answer before the body was read. */
      readonly early?: boolean | undefined;
    }
  /** The connection is reset after so many bytes of the request's body, or of the answer's to a download. */
  | { readonly resetAfter: number }
  /** The request is carried out, and the connection reset instead of an answer. */
  | "lost-answer"
  /** Nothing comes, ever. */
  | "silence"
  /** Of a download one byte is another. */
  | "flipped-byte";

interface Planned {
  readonly operation: string;
  readonly failure: Failure;
  readonly names: RegExp;
  left: number;
}

/** What is to go wrong, in the order it was asked for. */
export class FaultPlan {
  readonly #planned: Planned[] = [];

  /**
   * The next requests of an operation fail: `b2_list_file_names`, `download`, `upload`.
   *
   * @param names Only those for a file with such a name.
   */
  fail(operation: string, failure: Failure, times = 1, names: RegExp = /^/): void {
    this.#planned.push({ operation, failure, names, left: times });
  }

  /** Forget what did not happen yet. */
  clear(): void {
    this.#planned.length = 0;
  }

  take(operation: string, name = ""): Failure | undefined {
    const found = this.#planned.find(
      (planned) => planned.left > 0 && planned.operation === operation && planned.names.test(name),
    );
    if (found === undefined) return undefined;
    found.left--;
    return found.failure;
  }
}
