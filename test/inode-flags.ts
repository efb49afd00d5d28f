import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Immutable, append-only and not to be dumped, as lsattr(1) shows them. */
const OTHERS = /[^iad]/g;

/** Whether we are root and the file system of a folder has inode flags. */
export function hasInodeFlags(folder: string): boolean {
  const probe = join(folder, "probe");
  writeFileSync(probe, "");
  const script = 'chattr +i "$1" && lsattr "$1" | grep -q "^....i" && chattr -i "$1"';
  const { status } = spawnSync("bash", ["-c", script, "probe", probe]);
  rmSync(probe);
  return status === 0;
}

/** The kept flags of all files and directories below a folder that have any, one a line with the path. */
export function listFlags(root: string): string[] {
  // It cannot tell those of anything but files and directories, and fails on it.
  const options = { cwd: root, encoding: "latin1", maxBuffer: 1 << 30 } as const;
  const { stdout } = spawnSync("lsattr", ["-R", "-a", "."], options);
  const entries = [...stdout.matchAll(/^([a-zA-Z-]+) (\.\/.*)$/gm)];
  return entries
    .map(([, flags = "", path = ""]) => ({ path, flags: flags.replace(OTHERS, "") }))
    .filter(({ path, flags }) => flags !== "" && !/\/\.\.?$/.test(path))
    .map(({ path, flags }) => `${path} ${flags}`)
    .sort();
}

/** Let everything below a folder be removed again. */
export function clearFlags(root: string): void {
  spawnSync("chattr", ["-R", "-f", "-i", "-a", root]);
}
