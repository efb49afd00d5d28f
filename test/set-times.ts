import { spawnSync } from "node:child_process";

/** Nanoseconds since 1970 as `touch` and `date` read them: `@-12.000000005` is 12.000000005 s before. */
function toTouchTime(timeNs: bigint): string {
  const absolute = timeNs < 0n ? -timeNs : timeNs;
  const fraction = String(absolute % 1_000_000_000n).padStart(9, "0");
  return `@${timeNs < 0n ? "-" : ""}${absolute / 1_000_000_000n}.${fraction}`;
}

/**
 * Set the modification times of `paths` (raw strings), of symbolic links their own. Done by the system's `touch`, since
 * Node.js loses nanoseconds and times before 1970. Costs one process for each different time.
 *
 * @throws {Error} If `touch` fails for any path.
 */
export function setTimes(times: ReadonlyMap<string, bigint>): void {
  const pathsByTime = new Map<bigint, string[]>();
  for (const [path, time] of times) {
    const paths = pathsByTime.get(time);
    if (paths) paths.push(path);
    else pathsByTime.set(time, [path]);
  }
  for (const [time, paths] of pathsByTime) {
    const input = Buffer.from(paths.map((path) => `${path}\0`).join(""), "latin1");
    const result = spawnSync("xargs", ["-0", "touch", "-h", "-d", toTouchTime(time), "--"], {
      input,
    });
    if (result.status !== 0) throw new Error(`Cannot set times: ${String(result.stderr)}`);
  }
}
