import type { CopyEvent, SnapshotEntry } from "@tsbak/core";
import { formatCount, formatSize, printable } from "./format-text.ts";
import { formatHead } from "./progress-line.ts";

/** `snapshot 8957f3b4 of [/srv] at 2026-11-21 22:11:43.327 +0100 +0100 by root@host`, as restic prints it. */
export function snapshotLine({ id, snapshot }: SnapshotEntry): string {
  const paths = snapshot.paths.map(printable).join(" ");
  const who = printable(`${snapshot.username}@${snapshot.hostname}`);
  return `snapshot ${id.slice(0, 8)} of [${paths}] at ${goTime(snapshot.time)} by ${who}`;
}

/** An RFC 3339 time as Go prints times. Where the zone's name is not known, its offset stands for that too. */
function goTime(time: string): string {
  const match = /^(.{10})T([0-9:.]+?)(?:Z|([+-]\d\d):(\d\d))$/.exec(time);
  if (match === null) return time;
  const [, date = "", clock = "", hours, minutes] = match;
  const offset = hours === undefined ? "+0000" : `${hours}${minutes}`;
  return `${date} ${clock} ${offset} ${offset === "+0000" ? "UTC" : offset}`;
}

/** How far the snapshot that is being copied is. */
export function progressText(
  { packsDone, packsTotal, bytesDone, bytesTotal }: Extract<CopyEvent, { type: "progress" }>,
  seconds: number,
): string {
  const share = bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
  const left = seconds >= 2 && share > 0 ? (seconds * (1 - share)) / share : undefined;
  const bytes = `${formatSize(bytesDone, 1)} / ${formatSize(bytesTotal, 1)}`;
  return `${formatHead(seconds, share, left)}  ${packsDone} / ${packsTotal} packs copied, ${bytes}`;
}

/** `copy 12 blobs with disk size 1.283 MiB in 3 packfiles`, as restic prints it. */
export function amountText({
  blobs,
  bytes,
  packs,
}: Extract<CopyEvent, { type: "started" }>): string {
  const packfiles = formatCount(packs, "packfile");
  return `  copy ${formatCount(blobs, "blob")} with disk size ${formatSize(bytes)} in ${packfiles}`;
}
