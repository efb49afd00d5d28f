import type { RepairIndexEvent, RepairPacksEvent } from "@tsbak/core";
import type { Output } from "./output.ts";
import { formatHead } from "./progress-line.ts";
import type { TimedStatus } from "./timed-status.ts";

const PHASES = {
  "packs-read": "packs",
  "packs-salvaged": "pack files",
  "indexes-written": "indexes processed",
  "indexes-removed": "old indexes deleted",
  "packs-removed": "files deleted",
} as const;

/** Tell what happens while an index is repaired: in restic's words where it has them. */
export function reportIndexEvent(
  output: Output,
  event: RepairIndexEvent,
  status: TimedStatus,
): void {
  if (event.kind === "progress") showProgress(status, event);
  else warn(output, describeIndexEvent(event));
}

function describeIndexEvent(event: Exclude<RepairIndexEvent, { kind: "progress" }>): string {
  switch (event.kind) {
    case "index-damaged":
      return `removing invalid index ${event.name}: ${event.reason}`;
    case "pack-added":
      return `adding pack file to index ${event.name}`;
    case "pack-missing":
      return `removing not found pack file ${event.name}`;
    case "pack-reread": {
      const { name, size, expectedSize } = event;
      return size === expectedSize
        ? `reindexing pack file ${name} that index files list in different ways`
        : `reindexing pack file ${name} with unexpected size ${size} instead of ${expectedSize}`;
    }
    case "pack-unreadable": {
      const kept = event.isListed ? "what the index says of it is kept" : "it is left alone";
      return `cannot read the header of pack file ${event.name}, ${kept}: ${event.reason}`;
    }
  }
}

/** Tell what happens while packs are repaired. */
export function reportPacksEvent(
  output: Output,
  event: RepairPacksEvent,
  status: TimedStatus,
): void {
  if (event.kind === "progress") return showProgress(status, event);
  if (event.kind === "pack-left") {
    const { name, reason } = event;
    const what = "cannot be read as a whole, so that no copy could be kept; it is left where it is";
    return warn(output, `pack ${name} ${what}: ${reason}`);
  }
  const { name, saved, unread } = event.pack;
  if (saved + unread.length === 0) warn(output, `no blobs found for pack ${name}`);
  for (const { type, id, reason } of unread) {
    warn(output, `failed to load ${type} blob ${id}: ${reason}`);
  }
}

/** A line to stderr, which is an `error` message with `--json`. */
export function warn(output: Output, line: string): void {
  output.warnMessage(line, { message_type: "error", message: line.trim() });
}

function showProgress(
  status: TimedStatus,
  { phase, done, total }: { phase: keyof typeof PHASES; done: number; total: number },
): void {
  status.show((seconds) => {
    const head = formatHead(seconds, total === 0 ? 1 : done / total, undefined);
    return `${head}  ${done} / ${total} ${PHASES[phase]}`;
  });
}
