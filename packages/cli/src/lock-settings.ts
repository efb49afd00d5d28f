import type { LockNotice, LockSettings } from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatCount, printable } from "./format-text.ts";

/** How this command deals with the locks of others. */
export function lockSettings({ globals, output }: Context): Omit<LockSettings, "state"> {
  return {
    autoUnlock: globals.autoUnlock,
    onNotice: (notice) => {
      const message = printable(describeNotice(notice));
      output.warnMessage(message, {
        message_type: "lock",
        action: notice.kind === "watching" ? "watching" : "removed",
        id: notice.entry.name,
        message,
      });
    },
  };
}

function describeNotice(notice: LockNotice): string {
  const { entry } = notice;
  const lock = `lock ${entry.name.slice(0, 8)}${describeHolder(entry)}`;
  if (notice.kind === "watching") {
    return `watching ${lock}: unless somebody refreshes it, it is removed in ${minutes(notice.leftMs)}`;
  }
  if (notice.kind === "abandoned") {
    return `removed ${lock}: nobody has refreshed it for ${minutes(notice.seenMs)}`;
  }
  return `removed ${lock}: that process of this machine has ended`;
}

function describeHolder({ lock }: LockNotice["entry"]): string {
  if (lock === undefined) return ", which cannot be read";
  return ` of PID ${lock.pid} on ${lock.hostname} by ${lock.username}`;
}

function minutes(milliseconds: number): string {
  return formatCount(Math.round(milliseconds / 60_000), "minute");
}
