import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { openBackend } from "@tsbak/backends";
import { findSnapshot, openRepository, restore, type Backend } from "@tsbak/core";
import { compareTrees } from "../compare-trees.ts";
import { Random } from "../random.ts";
import { backupStep, initRepository, restoreStep } from "../steps.ts";
import { prove, type ProofOptions, type Report } from "./report.ts";

export interface InPlaceOptions extends ProofOptions {
  /** Bytes of the file. */
  readonly size: number;
  /** Runs of changed bytes, of equal length. */
  readonly runs: number;
}

const CHANGED_SHARE = 0.01;
const ALLOWED_SHARE = 0.05;
const STEP = 16 << 20;

/**
 * When a hundredth of a large file was changed, a restore reads from the repository and writes to the disk no more than a
 * twentieth of it, and the file is as it was.
 */
export function proveInPlace(options: InPlaceOptions): Promise<Report> {
  return prove("in-place", options, async (workshop, findings) => {
    const { size, runs } = options;
    const random = new Random(options.seed ?? 1);
    const [source, target] = [workshop.path("source"), workshop.path("target")];
    mkdirSync(source);
    fillFile(join(source, "image"), size, random);
    const repository = await initRepository(workshop, "tsbak", "repository");
    const { id } = await backupStep(repository, "tsbak", source);
    await restoreStep(repository, "tsbak", id, target);
    const copy = join(target, source, "image");
    changeRuns(copy, size, runs, random);
    findings.note(`${size} bytes restored, ${runs} runs of them changed`);

    const cost = await restoreCounted(repository.folder, workshop.environment(), target);

    for (const [what, bytes] of Object.entries(cost)) {
      findings.figures[`bytes ${what}`] = bytes;
      findings.figures[`share ${what}`] = `${((bytes / size) * 100).toFixed(2)} %`;
      const isLittle = bytes <= size * ALLOWED_SHARE;
      findings.judge(`little is ${what}`, isLittle ? [] : [`${bytes} of ${size} bytes`]);
    }
    findings.judge("restored equal", compareTrees(source, dirname(copy)));
  });
}

/** Restore the newest snapshot, and give the bytes that were read from the repository's packs and written to files. */
async function restoreCounted(
  folder: string,
  environment: Readonly<Record<string, string>>,
  target: string,
): Promise<Readonly<Record<"read" | "written", number>>> {
  const backend = await openBackend(folder);
  const count = countReads(backend);
  const password = environment["RESTIC_PASSWORD"] ?? "";
  const repository = await openRepository(backend, { password });
  const before = writtenSoFar();
  const summary = await restore(repository, await findSnapshot(repository, "latest"), target);
  if (summary.errors > 0) throw new Error(`the restore ended with ${summary.errors} errors`);
  return { read: count(), written: writtenSoFar() - before };
}

/** Returns what gives the bytes that have been read of packs from now on. */
function countReads(backend: Backend): () => number {
  let bytes = 0;
  const read = backend.read.bind(backend);
  backend.read = async (ref, ...rest) => {
    const found = await read(ref, ...rest);
    if (ref.kind === "pack") bytes += found.length;
    return found;
  };
  return () => bytes;
}

/** Bytes that this process gave to write(2) and its like. */
function writtenSoFar(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

function fillFile(path: string, size: number, random: Random): void {
  const fd = openSync(path, "w");
  for (let at = 0; at < size; at += STEP) writeSync(fd, random.bytes(Math.min(STEP, size - at)));
  closeSync(fd);
}

/** Change runs of bytes, one in each of `runs` equal parts of the file. */
function changeRuns(path: string, size: number, runs: number, random: Random): void {
  const fd = openSync(path, "r+");
  const part = Math.floor(size / runs);
  const bytes = new Uint8Array(Math.floor(part * CHANGED_SHARE));
  for (let run = 0; run < runs; run++) {
    const at = run * part + random.int(part - bytes.length);
    readSync(fd, bytes, 0, bytes.length, at);
    writeSync(
      fd,
      bytes.map((byte) => byte ^ 0xff),
      0,
      bytes.length,
      at,
    );
  }
  closeSync(fd);
}
