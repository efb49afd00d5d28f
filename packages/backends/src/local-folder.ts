import { existsSync } from "node:fs";

/** The folder that a location names; undefined for one that is not on this machine's disks. */
export function localFolderOf(location: string): string | undefined {
  const colon = location.indexOf(":");
  if (location.slice(0, Math.max(colon, 0)) === "local") return location.slice(colon + 1);
  if (colon < 0 || looksLikePath(location) || existsSync(location)) return location;
  return undefined;
}

/** True for what can only be a path, even with a colon in it. */
export function looksLikePath(location: string): boolean {
  return /^(\.{0,2}[/\\]|[A-Za-z]:[/\\])/.test(location);
}
