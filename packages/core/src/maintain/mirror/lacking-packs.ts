import { describeFile } from "../../backend/layout.ts";
import type { FileRef } from "../../backend/backend.ts";
import { isContentsPack } from "../../repository/read-pack-header.ts";
import { surveyIndex } from "../../repository/survey-index.ts";
import type { Listing } from "./listing.ts";
import type { MirrorRun } from "./mirror-run.ts";
import { putFile } from "./put-file.ts";
import { readWhole } from "./read-whole.ts";

/**
 * Find packs that the source's index names and the source does not have. With `mayBring` those that the target has whole are brought
 * back; the others are noted, and so are index files that cannot be read.
 */
export async function findLacking(
  run: MirrorRun,
  files: { readonly source: Listing; readonly target: Listing },
  mayBring: boolean,
): Promise<void> {
  const survey = await surveyIndex(run.source, run.call);
  for (const { name } of survey.damaged) noteIndex(run, { kind: "index", name });
  for (const name of survey.index.packs) {
    if (files.source.pack.has(name)) continue;
    const file: FileRef = { kind: "pack", name };
    if (files.target.pack.has(name) && mayBring && (await bring(run, file))) continue;
    run.log.problem("lacking", "source", file, describe(file, files.target.pack.has(name)));
  }
}

/** An index file that was found damaged before is not noted twice. */
function noteIndex({ log }: MirrorRun, file: FileRef): void {
  if (log.problems.some((problem) => problem.file.name === file.name)) return;
  const message = `${describeFile(file)} of the source is damaged; run it again with --heal`;
  log.problem("damaged", "source", file, message);
}

async function bring(run: MirrorRun, file: FileRef): Promise<boolean> {
  const bytes = await readWhole(run.target, file, run.call);
  if (typeof bytes === "string") return false;
  const { backend, opener } = run.source;
  const isContents = isContentsPack(opener, bytes);
  if (!run.isDry) await putFile(backend, file, bytes, { ...run.call, isContents });
  run.log.heal("source", file);
  return true;
}

function describe(file: FileRef, isOnTarget: boolean): string {
  const what = `${describeFile(file)} is named by the source's index, but the source does not have it`;
  if (isOnTarget) return `${what}; the target has it: run it again with --heal`;
  return `${what}, and neither has the target; run "tsbak verify" to see what needs it`;
}
