import { compareFiles, type CompareContext } from "./compare-files.ts";
import { isSame, STANDING } from "./entry-table.ts";
import type { RestoreProgress } from "./progress.ts";
import { FOUND } from "./protocol.ts";

/** Read all files again that were written, and compare them with the snapshot. What differs is an error. Returns how many are right. */
export async function verifyFiles(
  context: CompareContext & { readonly progress: RestoreProgress },
): Promise<number> {
  const { plan, progress } = context;
  const wrong = new Set<number>();
  let right = 0;
  const rule = { overwrite: "always", finishes: false } as const;
  await compareFiles(writtenFiles(context), rule, context, {
    onBlob: (use, isThere) => {
      const file = plan.uses.files[use] as number;
      if (!isThere) wrong.add(file);
      progress.lookingAt(() => plan.path(plan.files, file));
    },
    onFile: (file, { found }) => {
      if (found === FOUND.sameSize && !wrong.has(file)) right++;
      else progress.error(plan.path(plan.files, file), describeFound(found));
    },
  });
  return right;
}

function writtenFiles({ plan }: CompareContext): number[] {
  const files: number[] = [];
  for (let file = 0; file < plan.files.length; file++) {
    const standing = plan.files.standing(file);
    const isWritten = !isSame(standing) && standing !== STANDING.kept;
    if (isWritten && !plan.failedFiles.has(file)) files.push(file);
  }
  return files;
}

function describeFound(found: number): string {
  if (found === FOUND.nothing) return "it cannot be read again to verify it";
  return found === FOUND.otherSize
    ? "it does not have the size that was restored"
    : "it does not hold what was restored";
}
