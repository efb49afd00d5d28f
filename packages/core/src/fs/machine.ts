import { readFileSync, readlinkSync } from "node:fs";
import { uptime } from "node:os";

/** A process, told from all others that ever had its number. */
export interface ProcessIdentity {
  /** Of the start of the machine. */
  readonly boot: string;
  /** The namespace that its number is of: containers have their own. */
  readonly pidSpace: string;
  readonly pid: number;
  /** When it began, in the system's own unit since the start of the machine. */
  readonly start: string;
}

/** What a machine tells of itself, so that tests can be another one. */
export interface Machine {
  /** Different after each start of the machine; undefined where the system does not say. */
  readonly boot: string | undefined;
  /** Milliseconds since that start, sleep included. */
  uptime(): number;
  /** This process; undefined where the system does not say. */
  readonly self: ProcessIdentity | undefined;
  /** True if it is certain that a process has ended. */
  isGone(process: ProcessIdentity): boolean;
}

/** The machine that this runs on, as Linux describes it below /proc. */
export const THIS_MACHINE: Machine = {
  get boot() {
    return readText("/proc/sys/kernel/random/boot_id");
  },
  uptime: () => uptime() * 1000,
  get self() {
    const { boot, pidSpace } = { boot: this.boot, pidSpace: readPidSpace() };
    const start = startOf(process.pid);
    if (boot === undefined || pidSpace === undefined || start === undefined) return undefined;
    return { boot, pidSpace, pid: process.pid, start };
  },
  isGone({ boot, pidSpace, pid, start }) {
    // Of a process in another container nothing can be seen, so nothing is certain.
    if (boot !== this.boot || pidSpace !== readPidSpace()) return false;
    if (!isAlive(pid)) return true;
    const now = startOf(pid);
    return now !== undefined && now !== start;
  },
};

/** True if there is a process of this number here. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function startOf(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/stat`);
  // The name of the program, in parentheses, may hold anything; field 22 is the 20th after it (proc(5)).
  return text
    ?.slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .at(19);
}

function readPidSpace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
