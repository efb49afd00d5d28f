import { forEachConcurrent } from "../../async/map-concurrent.ts";
import { CONFIG_REF, type FileRef } from "../../backend/backend.ts";
import { describeFile } from "../../backend/layout.ts";
import { TsbakError } from "../../errors.ts";
import { WRITE_ORDER, type ListedKind, type Listing } from "./listing.ts";
import type { MirrorRun } from "./mirror-run.ts";
import { putFile } from "./put-file.ts";
import { readWhole } from "./read-whole.ts";

/**
 * Bring to the target what only the source has, kind after kind, so that whatever refers to something comes after it. `begin` is awaited when
 * keys and config are in place. Each file is compared with its name on the way; a damaged one is not copied but noted.
 *
 * @throws {TsbakError} `not-found` if a file was removed meanwhile.
 */
export async function copyFiles(
  run: MirrorRun,
  missing: Listing,
  withConfig: boolean,
  begin: () => Promise<void>,
): Promise<void> {
  const all = WRITE_ORDER.flatMap((kind) => [...missing[kind].values()]);
  run.log.begin(
    "copy",
    all.length,
    all.reduce((sum, size) => sum + size, 0),
  );
  await copyKind(run, "key", missing);
  if (withConfig) await copyConfig(run);
  await begin();
  for (const kind of WRITE_ORDER) if (kind !== "key") await copyKind(run, kind, missing);
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

async function copyKind(run: MirrorRun, kind: ListedKind, missing: Listing): Promise<void> {
  const { concurrency, call, log } = run;
  await forEachConcurrent(
    missing[kind],
    async ([name, size], signal) => {
      await copyFile(run, { kind, name }, size, signal);
      log.step(size);
    },
    { concurrency, signal: call.signal },
  );
}

async function copyFile(
  { source, target, log, isDry, call }: MirrorRun,
  file: FileRef,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  if (isDry) return log.copy(file, size);
  const options = { ...call, signal };
  const bytes = await readWhole(source.backend, file, options);
  if (bytes === "missing") throw removedMeanwhile(file);
  if (bytes === "damaged") {
    const message = `${describeFile(file)} of the source is damaged, and the target does not have it; run "tsbak verify" on the source`;
    return log.problem("damaged", "source", file, message);
  }
  await putFile(target, file, bytes, options);
  log.copy(file, bytes.length);
}

function removedMeanwhile(file: FileRef): TsbakError {
  return new TsbakError(
    "not-found",
    `Cannot mirror ${describeFile(file)}: it was removed from the source meanwhile, by a prune perhaps; run it again, without --no-lock`,
  );
}
