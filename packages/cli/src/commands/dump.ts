import { open } from "node:fs/promises";
import { once } from "node:events";
import {
  dumpFile,
  dumpFolder,
  findDumpSource,
  findSnapshot,
  findTree,
  printablePath,
  TsbakError,
  type ArchiveFormat,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatCount, printable } from "../format-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import type { FilterFlags } from "../options.ts";
import { snapshotFilter } from "../snapshot-filter.ts";
import { keepMemorySmall } from "../v8-flags.ts";
import { withLock } from "../with-lock.ts";

/** Flags of `dump`. */
export interface DumpFlags extends FilterFlags {
  readonly archive?: ArchiveFormat;
  readonly target?: string;
}

/** `dump`: a file, or a folder as an archive, to standard output or to a file. */
export async function runDump(
  context: Context,
  [id = "", path = ""]: readonly string[],
  flags: DumpFlags,
): Promise<ExitCode> {
  const { output, environment } = context;
  keepMemorySmall();
  const repository = await openNamedRepository(context, { locks: true });
  let skipped = 0;
  const onSkipped = (entry: Uint8Array, reason: string, isWrong: boolean): void => {
    if (isWrong) skipped++;
    output.warn(`${printablePath(entry)} is left out: ${reason}`);
  };
  await withLock(context, repository, { readOnly: true }, async (signal) => {
    const filter = snapshotFilter(flags, environment);
    const { snapshot, subPath } = await findSnapshot(repository, id, filter, { signal });
    const tree = await findTree(repository, snapshot.tree, subPath, { signal });
    const source = await findDumpSource(repository, tree, path, { signal });
    if (source.file === undefined && flags.target === undefined && process.stdout.isTTY) {
      throw badTarget("standard output is a terminal; send it elsewhere, or name a file with -t");
    }
    const options = { signal, onSkipped };
    const chunks =
      source.file === undefined
        ? dumpFolder(repository, source, flags.archive ?? "tar", options)
        : dumpFile(repository, source.file, options);
    if (flags.target === undefined) await writeToStdout(chunks, signal);
    else await writeToFile(flags.target, chunks);
  });
  if (skipped === 0) return EXIT.ok;
  const what = `${formatCount(skipped, "entry", "entries")} ${skipped === 1 ? "is" : "are"}`;
  throw new TsbakError("corrupt", `Cannot dump everything: ${what} left out; see above`);
}

/** Waits where the reader is slow. When it has gone, the signal is aborted. */
async function writeToStdout(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { stdout } = process;
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    if (!stdout.write(chunk)) await once(stdout, "drain", { signal });
  }
}

async function writeToFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    const file = await open(path, "w");
    try {
      await file.writeFile(chunks);
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw badTarget(`"${printable(path)}" cannot be written to (${code})`, error);
  }
}

function badTarget(reason: string, cause?: unknown): TsbakError {
  return new TsbakError("invalid-argument", `Cannot dump: ${reason}`, { cause });
}
