/**
 * A backend that fails on demand, so that tests reach what real stores do once a year.
 *
 * Rules are tried in the order they were added; the first that applies to a call decides. The crash comes before
 * all rules. Every call is logged, whatever became of it.
 *
 * @module
 */
import { setTimeout as wait } from "node:timers/promises";

import type {
  Backend,
  BackendMethod,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
  RemoveFailure,
} from "../backend/backend.ts";
import { describeFile } from "../backend/layout.ts";
import { TsbakError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";

/** Which calls a rule is about; what is left out may be anything. */
export interface CallPattern {
  readonly method?: BackendMethod | undefined;
  readonly kind?: FileKind | undefined;
  readonly name?: string | undefined;
  /** Only the nth of the calls that match the rest, from 1. */
  readonly nth?: number | undefined;
}

/** What happens to a call. */
export type Fault =
  /** The call rejects. With `applied` it takes effect first: a confirmation that was lost. */
  | { readonly type: "fail"; readonly error: ErrorCode | Error; readonly applied?: boolean }
  /** The call starts only after so many milliseconds, or once the promise resolves. */
  | { readonly type: "delay"; readonly until: number | Promise<void> }
  /** A read gives, or a write stores, only the first `length` bytes, and nobody says so. */
  | { readonly type: "truncate"; readonly length: number }
  /** A read gives this byte inverted; counted from the end if negative, from the range's start otherwise. */
  | { readonly type: "flip"; readonly offset: number };

/** One line of the log. `size` is of the bytes written or read, `ref.name` is "" for a listing. */
export interface LoggedCall {
  readonly method: BackendMethod;
  readonly ref?: FileRef | undefined;
  readonly size?: number | undefined;
  readonly outcome: "done" | "failed";
}

interface Rule {
  readonly pattern: CallPattern;
  readonly fault: Fault;
  matched: number;
}

const MUTATING: ReadonlySet<BackendMethod> = new Set(["create", "write", "remove"]);

/** Wraps any backend. Without rules it changes nothing. */
export class FaultyBackend implements Backend {
  readonly inner: Backend;
  readonly #calls: LoggedCall[] = [];
  #rules: Rule[] = [];
  #mutations = 0;
  #crashAt = Number.POSITIVE_INFINITY;
  #crashApplied = false;
  #crashed = false;

  constructor(inner: Backend) {
    this.inner = inner;
  }

  get location(): string {
    return this.inner.location;
  }

  get connections(): number {
    return this.inner.connections;
  }

  /** Every call so far, in the order they ended. */
  get calls(): readonly LoggedCall[] {
    return this.#calls;
  }

  /** True from the moment of the crash on. */
  get crashed(): boolean {
    return this.#crashed;
  }

  /** Calls of create, write and remove that began so far: how many points there are to crash at. */
  get mutations(): number {
    return this.#mutations;
  }

  on(pattern: CallPattern, fault: Fault): this {
    this.#rules.push({ pattern, fault, matched: 0 });
    return this;
  }

  /**
   * Die at the nth mutating call from now on (1 is the next): it and every later call of any kind reject. With
   * `applied` the nth still takes effect, as when a process is killed before it hears so.
   */
  crashAt(nth: number, options: { readonly applied: boolean }): this {
    this.#crashAt = this.#mutations + nth;
    this.#crashApplied = options.applied;
    return this;
  }

  /** Forget all rules and the crash: the next process finds the store as it was left. */
  heal(): this {
    this.#rules = [];
    this.#crashAt = Number.POSITIVE_INFINITY;
    this.#crashed = false;
    return this;
  }

  create(options?: CallOptions): Promise<void> {
    return this.#call("create", undefined, () => this.inner.create(options));
  }

  write(ref: FileRef, bytes: Uint8Array, options?: CallOptions): Promise<void> {
    return this.#call(
      "write",
      ref,
      (fault) => {
        const stored = fault?.type === "truncate" ? bytes.subarray(0, fault.length) : bytes;
        return this.inner.write(ref, stored, options);
      },
      bytes.length,
    );
  }

  read(ref: FileRef, range?: ByteRange, options?: CallOptions): Promise<Uint8Array<ArrayBuffer>> {
    return this.#call("read", ref, async (fault) => {
      const bytes = await this.inner.read(ref, range, options);
      return damage(bytes, fault);
    });
  }

  stat(ref: FileRef, options?: CallOptions): Promise<FileInfo> {
    return this.#call("stat", ref, () => this.inner.stat(ref, options));
  }

  async *list(kind: FileKind, options?: CallOptions): AsyncIterable<FileInfo> {
    await this.#call("list", { kind, name: "" }, async () => {});
    for await (const file of this.inner.list(kind, options)) {
      if (this.#crashed) throw crashError();
      yield file;
    }
  }

  remove(ref: FileRef, options?: CallOptions): Promise<void> {
    return this.#call("remove", ref, () => this.inner.remove(ref, options));
  }

  /** Takes the files one by one, so that each may fail, and the process may die between any two. */
  get removeMany(): Backend["removeMany"] {
    const removeMany = this.inner.removeMany?.bind(this.inner);
    if (removeMany === undefined) return undefined;
    return async (refs, options) => {
      const failures: RemoveFailure[] = [];
      for (const ref of refs) {
        try {
          const failed = await this.#call("remove", ref, () => removeMany([ref], options));
          failures.push(...failed);
        } catch (error) {
          if (this.#crashed || !(error instanceof TsbakError)) throw error;
          failures.push({ ref, error });
        }
      }
      return failures;
    };
  }

  /** As far as rules and crashes go, a write. */
  get replace(): Backend["replace"] {
    const replace = this.inner.replace?.bind(this.inner);
    return (
      replace &&
      ((ref, bytes, options) =>
        this.#call("write", ref, () => replace(ref, bytes, options), bytes.length))
    );
  }

  get close(): Backend["close"] {
    return this.inner.close?.bind(this.inner);
  }

  async #call<T>(
    method: BackendMethod,
    ref: FileRef | undefined,
    run: (fault: Fault | undefined) => Promise<T>,
    size?: number,
  ): Promise<T> {
    try {
      const fault = await this.#meetFault(method, ref, run);
      const result = await run(fault);
      const length = result instanceof Uint8Array ? result.length : size;
      this.#calls.push({ method, ref, size: length, outcome: "done" });
      return result;
    } catch (error) {
      this.#calls.push({ method, ref, size, outcome: "failed" });
      throw error;
    }
  }

  /** Throws if the call is to fail; else gives the fault that it has to suffer. */
  async #meetFault<T>(
    method: BackendMethod,
    ref: FileRef | undefined,
    run: (fault: undefined) => Promise<T>,
  ): Promise<Fault | undefined> {
    if (this.#crashed) throw crashError();
    if (MUTATING.has(method) && ++this.#mutations >= this.#crashAt) {
      this.#crashed = true;
      if (this.#crashApplied) await run(undefined);
      throw crashError();
    }
    const fault = this.#ruleFor(method, ref)?.fault;
    if (fault?.type === "delay") {
      await (typeof fault.until === "number" ? wait(fault.until) : fault.until);
      if (this.#crashed) throw crashError();
    }
    if (fault?.type !== "fail") return fault;
    if (fault.applied === true) await run(undefined);
    throw fault.error instanceof Error ? fault.error : injected(fault.error, method, ref);
  }

  #ruleFor(method: BackendMethod, ref: FileRef | undefined): Rule | undefined {
    let found: Rule | undefined;
    for (const rule of this.#rules) {
      const { pattern } = rule;
      if (pattern.method !== undefined && pattern.method !== method) continue;
      if (pattern.kind !== undefined && pattern.kind !== ref?.kind) continue;
      if (pattern.name !== undefined && pattern.name !== ref?.name) continue;
      rule.matched++;
      if (pattern.nth === undefined || pattern.nth === rule.matched) found ??= rule;
    }
    return found;
  }
}

function damage(bytes: Uint8Array<ArrayBuffer>, fault: Fault | undefined): Uint8Array<ArrayBuffer> {
  if (fault?.type === "truncate") return bytes.slice(0, fault.length);
  if (fault?.type === "flip") {
    const at = fault.offset < 0 ? bytes.length + fault.offset : fault.offset;
    if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  }
  return bytes;
}

function crashError(): TsbakError {
  return new TsbakError(
    "unavailable",
    "Cannot reach the store: this process has crashed (injected)",
  );
}

function injected(code: ErrorCode, method: BackendMethod, ref: FileRef | undefined): TsbakError {
  const object =
    ref === undefined || ref.name === "" ? (ref?.kind ?? "the store") : describeFile(ref);
  return new TsbakError(code, `Cannot ${method} ${object}: ${code} (injected)`);
}
