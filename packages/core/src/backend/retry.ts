import { throwIfAborted } from "../async/interrupted.ts";
import { sleep as wait } from "../async/sleep.ts";
import { equalBytes } from "../bytes/compare.ts";
import { isTsbakError } from "../errors.ts";
import type { TsbakError } from "../errors.ts";
import type {
  Backend,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
  MisplacedPack,
  MisplacedPacks,
  RemoveFailure,
} from "./backend.ts";
import { describeFile, describeFiles } from "./layout.ts";
import { passedOn } from "./wrap-calls.ts";

/** When to try again, and when to give up; restic's habits unless given. */
export interface RetryOptions {
  /** Before the first repetition; doubled each time. 1000 unless given. */
  readonly firstDelayMs?: number | undefined;
  /** No wait is longer. 60,000 unless given. */
  readonly longestDelayMs?: number | undefined;
  /**
   * No repetition starts later than this after the first failure, except that there is always one; unless the store itself wants to be left
   * alone for longer. 15 minutes unless given.
   */
  readonly giveUpAfterMs?: number | undefined;
  readonly onRetry?: ((notice: RetryNotice) => void) | undefined;
  readonly sleep?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined;
  /** Milliseconds on a clock that never goes back. */
  readonly now?: (() => number) | undefined;
  /** From 0 up to 1: spreads the delays by half either way, so that many clients do not come back at once. */
  readonly random?: (() => number) | undefined;
}

/** A call failed and will be repeated, or succeeded after that. */
export type RetryNotice =
  | { readonly kind: "failed"; readonly error: TsbakError; readonly delayMs: number }
  /** `call` is such as "write pack 0a1b2c3d". */
  | { readonly kind: "recovered"; readonly call: string; readonly retries: number };

/**
 * The same store, where a call that ends as `unavailable` is repeated with growing delays, or when the store said: the
 * error's cause may have a number `retryAfterMs`. Every other failure is final: a repetition does not help against it.
 *
 * While no call succeeds, the time after which to give up counts for all of them together from the first failure, so that many calls
 * to a store that is gone do not end one after another.
 *
 * A write whose confirmation was lost finds its own file on the repetition; that is success if the file has the right
 * size (its name is the hash of its bytes; a config is read and compared).
 */
export function withRetry(backend: Backend, options: RetryOptions = {}): Backend {
  const retry = new Retry(options);
  const { removeMany, replace, misplacedPacks } = backend;
  return {
    ...passedOn(backend),
    ...(replace && {
      replace: (ref, bytes, call) =>
        retry.run(`replace ${describeFile(ref)}`, call, () =>
          replace.call(backend, ref, bytes, call),
        ),
    }),
    ...(misplacedPacks && { misplacedPacks: misplacedAgain(misplacedPacks, retry) }),
    ...(removeMany && {
      removeMany: (refs, call) => removeAgain(removeMany.bind(backend), retry, refs, call),
    }),
    create: (call) => retry.run("create the repository", call, () => backend.create(call)),
    write: (ref, bytes, call) =>
      retry.run(`write ${describeFile(ref)}`, call, async (attempt) => {
        try {
          await backend.write(ref, bytes, call);
        } catch (error) {
          if (attempt === 1 || !isTsbakError(error, "already-exists")) throw error;
          if (!(await isOurs(backend, ref, bytes, call))) throw error;
        }
      }),
    read: (ref, range, call) =>
      retry.run(`read ${describeFile(ref)}`, call, () => backend.read(ref, range, call)),
    stat: (ref, call) =>
      retry.run(`stat ${describeFile(ref)}`, call, () => backend.stat(ref, call)),
    list: (kind, call) => listAgain(backend, retry, kind, call),
    remove: (ref, call) =>
      retry.run(`remove ${describeFile(ref)}`, call, () => backend.remove(ref, call)),
  };
}

function misplacedAgain(misplaced: MisplacedPacks, retry: Retry): MisplacedPacks {
  const name = ({ path }: MisplacedPack): string => path.slice(0, path.lastIndexOf("/") + 9);
  return {
    list: (call) => retry.run("list misplaced packs", call, () => misplaced.list(call)),
    read: (pack, call) => retry.run(`read ${name(pack)}`, call, () => misplaced.read(pack, call)),
    remove: (pack, call) =>
      retry.run(`remove ${name(pack)}`, call, () => misplaced.remove(pack, call)),
  };
}

/** What failed for now of several files is repeated without the others. Gives what failed for good. */
async function removeAgain(
  removeMany: NonNullable<Backend["removeMany"]>,
  retry: Retry,
  refs: readonly FileRef[],
  options: CallOptions | undefined,
): Promise<readonly RemoveFailure[]> {
  const failures: RemoveFailure[] = [];
  let left = refs;
  const [first] = refs;
  if (first === undefined) return failures;
  await retry.run(`remove ${describeFiles(first, refs.length)}`, options, async () => {
    const failed = await removeMany(left, options);
    const passing = failed.filter(({ error }) => error.code === "unavailable");
    failures.push(...failed.filter(({ error }) => error.code !== "unavailable"));
    left = passing.map(({ ref }) => ref);
    if (passing[0] !== undefined) throw passing[0].error;
  });
  return failures;
}

async function isOurs(
  backend: Backend,
  ref: FileRef,
  bytes: Uint8Array,
  options: CallOptions | undefined,
): Promise<boolean> {
  const { size } = await backend.stat(ref, options);
  if (size !== bytes.length) return false;
  return ref.kind !== "config" || equalBytes(await backend.read(ref, undefined, options), bytes);
}

/** A listing that breaks off starts anew, and leaves out what it gave already. */
async function* listAgain(
  backend: Backend,
  retry: Retry,
  kind: FileKind,
  options: CallOptions | undefined,
): AsyncIterable<FileInfo> {
  const given = new Set<string>();
  const attempts = retry.begin(`list files of kind ${kind}`, options);
  for (;;) {
    try {
      for await (const file of backend.list(kind, options)) {
        attempts.succeed();
        if (given.has(file.name)) continue;
        given.add(file.name);
        yield file;
      }
      attempts.succeed();
      return;
    } catch (error) {
      await attempts.fail(error);
    }
  }
}

/** The attempts of one call. */
interface Attempts {
  /** Wait before the next attempt, or throw the error if there is to be none. Errors of other kinds come out as they are. */
  fail(error: unknown): Promise<void>;
  succeed(): void;
}

class Retry {
  readonly #options: RetryOptions;
  readonly #outage = new Outage();

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  async run<T>(
    name: string,
    options: CallOptions | undefined,
    call: (attempt: number) => Promise<T>,
  ): Promise<T> {
    const attempts = this.begin(name, options);
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await call(attempt);
        attempts.succeed();
        return result;
      } catch (error) {
        await attempts.fail(error);
      }
    }
  }

  begin(call: string, options: CallOptions | undefined): Attempts {
    const { firstDelayMs = 1000, longestDelayMs = 60_000, giveUpAfterMs = 900_000 } = this.#options;
    const { sleep = wait, now = () => performance.now(), random = Math.random } = this.#options;
    const { onRetry } = this.#options;
    let delay = firstDelayMs;
    let retries = 0;
    let failingSince = Number.POSITIVE_INFINITY;
    return {
      fail: async (error) => {
        if (!isTsbakError(error, "unavailable")) throw error;
        throwIfAborted(options?.signal);
        failingSince = Math.min(failingSince, this.#outage.noteFailure(now(), longestDelayMs * 2));
        const asked = retryAfterMs(error);
        const delayMs = Math.max(delay * (0.5 + random()), asked);
        const isAllowed = now() + delayMs <= failingSince + giveUpAfterMs;
        if (!isAllowed && (retries > 0 || asked > giveUpAfterMs)) throw error;
        onRetry?.({ kind: "failed", error, delayMs });
        await sleep(delayMs, options?.signal);
        delay = Math.min(delay * 2, longestDelayMs);
        retries++;
      },
      succeed: () => {
        this.#outage.end();
        if (retries > 0) onRetry?.({ kind: "recovered", call, retries });
        retries = 0;
      },
    };
  }
}

/** The time in which calls fail and none succeeds. */
class Outage {
  #began: number | undefined;
  #lastFailure = Number.NEGATIVE_INFINITY;

  /** Give when the outage began. Two failures with more than `longestGapMs` between have nothing to do with each other. */
  noteFailure(now: number, longestGapMs: number): number {
    if (now - this.#lastFailure > longestGapMs) this.#began = undefined;
    this.#lastFailure = now;
    return (this.#began ??= now);
  }

  end(): void {
    this.#began = undefined;
  }
}

/** How long the store asks to be left alone. */
function retryAfterMs({ cause }: TsbakError): number {
  if (!(cause instanceof Error) || !("retryAfterMs" in cause)) return 0;
  const { retryAfterMs } = cause;
  return typeof retryAfterMs === "number" && retryAfterMs > 0 ? retryAfterMs : 0;
}
