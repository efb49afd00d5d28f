import { forEachConcurrent } from "../../async/map-concurrent.ts";
import type { Backend, CallOptions, FileRef, WriteOptions } from "../../backend/backend.ts";
import { describeFile } from "../../backend/layout.ts";
import { isTsbakError } from "../../errors.ts";
import { isContentsPack } from "../../repository/read-pack-header.ts";
import { WRITE_ORDER, type ListedKind, type Listing } from "./listing.ts";
import type { MirrorRun } from "./mirror-run.ts";
import type { MirrorSide } from "./mirror-report.ts";
import { readWhole } from "./read-whole.ts";
import { replaceAtSource, replaceFile } from "./replace-file.ts";

/** A file that is to be looked at, and who has it. */
interface Suspect {
  readonly file: FileRef;
  readonly size: number;
  readonly isAtSource: boolean;
}

/**
 * Read what both sides have, and what only the target has, and replace what is damaged by the other side's copy. What cannot be helped is
 * noted.
 */
export async function healFiles(
  run: MirrorRun,
  files: { readonly source: Listing; readonly target: Listing },
): Promise<void> {
  const suspects = WRITE_ORDER.flatMap((kind) => suspectsOf(kind, files));
  const bytes = suspects.reduce((sum, { size }) => sum + size, 0);
  run.log.begin("heal", suspects.length, bytes);
  await forEachConcurrent(
    suspects,
    async (suspect, signal) => {
      await examine(run, suspect, { ...run.call, signal });
      run.log.step(suspect.size);
    },
    { concurrency: run.concurrency, signal: run.call.signal },
  );
}

function suspectsOf(
  kind: ListedKind,
  { source, target }: { readonly source: Listing; readonly target: Listing },
): Suspect[] {
  return Array.from(target[kind], ([name, size]) => ({
    file: { kind, name },
    size,
    isAtSource: source[kind].has(name),
  }));
}

async function examine(run: MirrorRun, suspect: Suspect, options: CallOptions): Promise<void> {
  const { source, target, log } = run;
  const { file, isAtSource } = suspect;
  const atTarget = await readWhole(target, file, options);
  if (!isAtSource) {
    // It was on its way out.
    if (atTarget !== "damaged") return;
    const message = `${describeFile(file)} of the target is damaged, and the source does not have it; run "tsbak verify" on the target`;
    return log.problem("damaged", "target", file, message);
  }
  const atSource = await readWhole(source.backend, file, options);
  if (typeof atSource !== "string") {
    if (typeof atTarget === "string") await replace(run, "target", file, atSource, options);
    return;
  }
  if (typeof atTarget !== "string") return replace(run, "source", file, atTarget, options);
  const message = `${describeFile(file)} is damaged on both sides; run "tsbak verify" to see what needs it`;
  log.problem("damaged-both", undefined, file, message);
}

async function replace(
  { source, target, log, isDry }: MirrorRun,
  side: MirrorSide,
  file: FileRef,
  bytes: Uint8Array,
  options: CallOptions,
): Promise<void> {
  const isContents = file.kind === "pack" && isContentsPack(source.opener, bytes);
  const call = { ...options, isContents };
  try {
    if (!isDry) await put(side === "source" ? source.backend : target, side, file, bytes, call);
    log.heal(side, file);
  } catch (error) {
    if (!isTsbakError(error, "denied")) throw error;
    const message = `${describeFile(file)} of the ${side} is damaged and cannot be replaced: ${error.message}`;
    log.problem("refused", side, file, message);
  }
}

function put(
  backend: Backend,
  side: MirrorSide,
  file: FileRef,
  bytes: Uint8Array,
  options: WriteOptions,
): Promise<void> {
  if (side === "source") return replaceAtSource(backend, file, bytes, options);
  return replaceFile(backend, file, bytes, options);
}
