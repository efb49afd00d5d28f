import type { CallOptions } from "../../backend/backend.ts";
import { printablePath } from "../../fs/path.ts";
import type { Repository } from "../../repository/repository.ts";
import type { Findings } from "./findings.ts";

/** Tell of each missing pack where a file of its name lies instead, in a store that can be searched for it. */
export async function locateMissing(
  { backend }: Repository,
  findings: Findings,
  call: CallOptions,
): Promise<void> {
  const missing = findings.errors.filter(({ kind }) => kind === "pack-missing");
  if (missing.length === 0 || backend.misplacedPacks === undefined) return;
  const paths = new Map<string, string>();
  for (const { name, path } of await backend.misplacedPacks.list(call)) paths.set(name, path);
  for (const problem of missing) {
    const path = paths.get(problem.file?.name ?? "");
    if (path === undefined) continue;
    const folder = printablePath(Buffer.from(path.slice(0, path.lastIndexOf("/"))));
    problem.message += `; a file of its name lies in ${folder}, where nobody looks for it: "tsbak doctor" puts it in its place if it is whole`;
  }
}
