import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NOBODY = 65534;
const here = import.meta.url;
const SCRIPT = `
import { backup } from ${moduleText("../backup/backup.ts")};
import { MemoryBackend } from ${moduleText("../backend/memory.ts")};
import { createRepository } from ${moduleText("../repository/create.ts")};
import { restore } from ${moduleText("../restore/restore.ts")};
const [source, target] = process.argv.slice(2);
const repository = await createRepository(new MemoryBackend(), { password: "secret" });
const { snapshot } = await backup(repository, [source], { threads: 1 });
process.setgroups([]);
process.setegid(${NOBODY});
process.seteuid(${NOBODY});
const told = [];
const onEvent = (notice) => /warning|error/.test(notice.kind) && told.push(notice);
await restore(repository, { ...snapshot, subPath: source }, target, { onEvent, threads: 1 });
console.log(JSON.stringify(told));
`;

/** A warning or error of a restore. */
export interface ToldNotice {
  readonly kind: "warning" | "error";
  readonly path?: string;
  readonly message: string;
}

/**
 * Back `source` up as root and restore it to the folder `target` as a user without rights, in a process of its own. Gives the
 * warnings and errors in their order. Only root can call this.
 */
export function restoreAsNobody(source: string, target: string): ToldNotice[] {
  chownSync(target, NOBODY, NOBODY);
  const folder = mkdtempSync(join(tmpdir(), "tsbak-nobody-"));
  try {
    const script = join(folder, "script.mjs");
    writeFileSync(script, SCRIPT);
    chmodSync(folder, 0o755);
    const output = execFileSync(process.execPath, [script, source, target], { encoding: "utf8" });
    return JSON.parse(output) as ToldNotice[];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function moduleText(path: string): string {
  return JSON.stringify(new URL(path, here).href);
}
