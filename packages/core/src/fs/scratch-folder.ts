import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Make an empty folder for a while, below `$TMPDIR`, that only this user can read. */
export function makeScratchFolder(purpose: string): string {
  return mkdtempSync(join(tmpdir(), `tsbak-${purpose}-`));
}

/** Remove a folder with all that is in it, also what its owner may not write to. Throws the system's error. */
export function removeScratchFolder(path: string): void {
  openFolders(Buffer.from(path));
  rmSync(path, { recursive: true, force: true });
}

function openFolders(path: Buffer): void {
  chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: "buffer" })) {
    if (entry.isDirectory()) openFolders(Buffer.concat([path, Buffer.from("/"), entry.name]));
  }
}
