import { forEachConcurrent } from "../../async/map-concurrent.ts";
import { CONFIG_REF, type FileRef } from "../../backend/backend.ts";
import { describeFile } from "../../backend/layout.ts";
import { TsbakError } from "../../errors.ts";
import { isContentsPack } from "../../repository/read-pack-header.ts";
import { surveyIndex } from "../../repository/survey-index.ts";
import { WRITE_ORDER, type ListedKind, type Listing } from "./listing.ts";
import type { MirrorRun } from "./mirror-run.ts";
import { putFile } from "./put-file.ts";
import { readWhole } from "./read-whole.ts";

/** Keys and config, which make a place the repository's: then it can be locked. */
export async function seedTarget(run: MirrorRun, missing: Listing): Promise<void> {
  if (!run.isDry) await run.target.create(run.call);
  await copyKind(run, "key", missing, []);
  await copyConfig(run);
}

/**
 * Bring to the target what only the source has, kind after kind, so that whatever refers to something comes after it. Each file is
 * compared with its name on the way; a damaged one is not copied but noted.
 *
 * @throws {TsbakError} `not-found` if a file that is needed was removed meanwhile.
 */
export async function copyFiles(run: MirrorRun, missing: Listing): Promise<void> {
  const all = WRITE_ORDER.flatMap((kind) => [...missing[kind].values()]);
  const bytes = all.reduce((sum, size) => sum + size, 0);
  run.log.begin("copy", all.length, bytes);
  for (const kind of WRITE_ORDER) {
    const vanished: FileRef[] = [];
    await copyKind(run, kind, missing, vanished);
    await refuseNeeded(run, vanished);
  }
}

/** A prune that has almost ended may remove packs beside us, but none that the index names. */
async function refuseNeeded({ source, call }: MirrorRun, vanished: FileRef[]): Promise<void> {
  if (vanished.length === 0) return;
  const { index } = await surveyIndex(source, call);
  const needed = vanished.find(({ kind, name }) => kind !== "pack" || index.hasPack(name));
  if (needed !== undefined) throw removedMeanwhile(needed);
}

/** After the keys: where there is a config, a repository can be opened. */
async function copyConfig({ source, target, log, isDry, call }: MirrorRun): Promise<void> {
  const bytes = await source.backend.read(CONFIG_REF, undefined, call);
  if (!isDry) {
    await target.remove(CONFIG_REF, call);
    await target.write(CONFIG_REF, bytes, call);
  }
  log.copy(CONFIG_REF, bytes.length);
}

async function copyKind(
  run: MirrorRun,
  kind: ListedKind,
  missing: Listing,
  vanished: FileRef[],
): Promise<void> {
  const { concurrency, call, log } = run;
  await forEachConcurrent(
    missing[kind],
    async ([name, size], signal) => {
      const file = { kind, name };
      if (!(await copyFile(run, file, size, signal))) vanished.push(file);
      log.step(size);
    },
    { concurrency, signal: call.signal },
  );
}

/** False if it is not there any more. */
async function copyFile(
  { source, target, log, isDry, call }: MirrorRun,
  file: FileRef,
  size: number,
  signal: AbortSignal,
): Promise<boolean> {
  const options = { ...call, signal };
  const bytes = isDry ? undefined : await readWhole(source.backend, file, options);
  if (bytes === "missing") return false;
  if (bytes === "damaged") {
    const message = `${describeFile(file)} of the source is damaged, and the target does not have it; run "tsbak verify" on the source`;
    log.problem("damaged", "source", file, message);
    return true;
  }
  if (bytes !== undefined) {
    const isContents = file.kind === "pack" && isContentsPack(source.opener, bytes);
    await putFile(target, file, bytes, { ...options, isContents });
  }
  log.copy(file, size);
  return true;
}

function removedMeanwhile(file: FileRef): TsbakError {
  return new TsbakError(
    "not-found",
    `Cannot mirror ${describeFile(file)}: it was removed from the source meanwhile, by a prune perhaps; run it again, without --no-lock`,
  );
}
