/**
 * Leave a master key behind that others may know: everything is sealed anew in another repository, which then takes the old one's place
 * (decision 17).
 *
 *   (1) Most is copied under a shared lock, so that backups go on; what they add meanwhile, under an exclusive one.
 *   (2) Only when every snapshot is in the new repository, and that has been verified, may it take the old one's place.
 *   (3) The old repository is only read. Killed at any instant, the same call goes on from there.
 *
 * @module
 */
import { equalBytes } from "../../bytes/compare.ts";
import { TsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { confirmLocks, underLocks } from "../../repository/under-locks.ts";
import { copySnapshots, type CopyOptions } from "../copy/copy.ts";
import type { CopyReport } from "../copy/copy-report.ts";
import { verify } from "../verify/verify.ts";

/** How to rekey. */
export interface RekeyOptions extends Omit<
  CopyOptions,
  "select" | "noSourceLock" | "exclusiveSource" | "retention"
> {
  /** Called when everything is in the new repository and nobody else works on the old one; nothing of ours but that lock is held then. */
  readonly switchOver?: (() => Promise<void>) | undefined;
  /** Called when the new repository is about to be verified. */
  readonly onVerify?: (() => void) | undefined;
}

/**
 * Bring everything from the repository to `target`, which `createRepository` made or an earlier call left half done.
 *
 * @throws {TsbakError} `corrupt` if a snapshot cannot be copied or the new repository is not whole; nothing is switched then.
 * `invalid-argument` if both have the same master key; `locked`; `interrupted`.
 */
export async function rekey(
  source: Repository,
  target: Repository,
  options: RekeyOptions = {},
): Promise<CopyReport> {
  const { switchOver, onVerify, ...copying } = options;
  refuseSameKey(source, target);
  const first = await copySnapshots(source, target, copying);
  refuseLoss(first);
  onVerify?.();
  await refuseDamage(target, options);
  const lock = await source.lock({ exclusive: true, ...options.lock, signal: options.signal });
  return underLocks([lock], options.signal, async (signal) => {
    source.dropIndex();
    const last = await copySnapshots(source, target, { ...copying, signal, noSourceLock: true });
    refuseLoss(last);
    // Folders change places past the backend, which would have asked.
    await confirmLocks([lock]);
    await switchOver?.();
    return joined(first, last);
  });
}

function joined(first: CopyReport, last: CopyReport): CopyReport {
  return {
    copied: [...first.copied, ...last.copied],
    skipped: first.skipped,
    failed: [],
    unwanted: [],
    retention: undefined,
    blobs: first.blobs + last.blobs,
    bytes: first.bytes + last.bytes,
  };
}

function refuseSameKey({ masterKey: a }: Repository, { masterKey: b }: Repository): void {
  if (!equalBytes(a.encrypt, b.encrypt)) return;
  throw new TsbakError(
    "invalid-argument",
    "Cannot rekey: the new repository has the same master key, as a mirror has; use another location",
  );
}

/** A snapshot that stays behind would be lost with the old repository. */
function refuseLoss({ failed }: CopyReport): void {
  const [first] = failed;
  if (first === undefined) return;
  throw new TsbakError(
    "corrupt",
    `Cannot rekey: ${failed.length} of the snapshots cannot be copied in full, such as ${first.source.id.slice(0, 8)}; run "tsbak verify" to see what is lost`,
    { cause: first.error },
  );
}

async function refuseDamage(target: Repository, options: RekeyOptions): Promise<void> {
  const { signal, lock, threads } = options;
  const { errors } = await verify(target, { signal, lock, threads });
  if (errors.length === 0) return;
  throw new TsbakError(
    "corrupt",
    `Cannot rekey: the new repository is not whole: ${errors[0]?.message ?? ""}; remove it and run "tsbak rekey" again`,
  );
}
