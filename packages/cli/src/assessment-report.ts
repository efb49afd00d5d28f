import type { CheckName, Spread, StoreAssessment, StoreCheck } from "@tsbak/core";
import { formatCount, formatSize } from "./format-text.ts";
import { formatTable } from "./table.ts";

/** What each check is about, in words for people. */
const TITLES: Readonly<Record<CheckName, string>> = {
  "write-and-read": "what is written comes back",
  "visible-at-once": "new files are listed at once",
  "whole-or-absent": "files are there whole or not at all",
  "create-only": "files are not replaced",
  "one-winner": "of several writers one wins",
  ranges: "parts of files can be read",
  "empty-file": "empty files",
  "missing-file": "missing files are told apart",
  removal: "files can be removed",
  "many-files": "long listings are complete",
  speed: "speed can be measured",
};

const OUTCOMES: Readonly<Record<StoreCheck["outcome"], string>> = {
  passed: "yes",
  limited: "NOT QUITE",
  failed: "NO",
};

/** A clock that is off by more confuses locks, and S3 refuses requests at 15 minutes. In milliseconds. */
const WORRYING_MS = 60_000;

/** All lines of the report of `repo-test`. */
export function describeAssessment(report: StoreAssessment): string[] {
  const { checks, connections } = report;
  const bad = checks.filter(({ outcome }) => outcome !== "passed");
  const isFit = bad.every(({ outcome }) => outcome !== "failed");
  return [
    `${report.location} (${formatCount(connections, "connection")})`,
    "",
    ...formatTable(
      [{ title: "What a backup needs" }, { title: "" }],
      checks.map(({ name, outcome }) => [[TITLES[name]], [OUTCOMES[outcome]]]),
    ),
    "",
    ...bad.flatMap((check) => [
      `${TITLES[check.name]}: ${OUTCOMES[check.outcome]}`,
      `  seen:  ${check.finding}`,
      `  means: ${check.meaning}`,
      "",
    ]),
    ...speedLines(report),
    clockLine(report),
    ...remarks(report),
    "",
    isFit ? "The store is fit for backups." : "The store is NOT fit for backups.",
  ];
}

function speedLines({ latency, throughput }: StoreAssessment): string[] {
  const lines: string[] = [];
  if (latency !== undefined) {
    const row = (title: string, { min, median, max }: Spread): string[][] => [
      [title],
      ...[min, median, max].map((time) => [`${time.toFixed(1)} ms`]),
    ];
    const titles = ["least", "median", "most"];
    const columns = titles.map((title) => ({ title, align: "right" as const }));
    const rows = Object.entries(latency).map(([call, spread]) => row(call, spread));
    lines.push(...formatTable([{ title: "Calls on 1 KiB" }, ...columns], rows), "");
  }
  if (throughput !== undefined) {
    const { upload, download, uploadAtOnce, downloadAtOnce, atOnce } = throughput;
    const titles = ["one file", `${atOnce} at once`];
    const columns = titles.map((title) => ({ title, align: "right" as const }));
    const rows = [
      [["upload"], [rate(upload)], [rate(uploadAtOnce)]],
      [["download"], [rate(download)], [rate(downloadAtOnce)]],
    ];
    lines.push(...formatTable([{ title: "Large files" }, ...columns], rows), "");
  }
  return lines;
}

function rate(bytesPerSecond: number): string {
  return `${formatSize(Math.round(bytesPerSecond), 1)}/s`;
}

function clockLine({ clock }: StoreAssessment): string {
  if (clock === undefined) return "clock of the store: it does not tell";
  const { aheadMs, uncertaintyMs } = clock;
  if (Math.abs(aheadMs) <= uncertaintyMs + 1000) return "clock of the store: as ours";
  const off = `${(Math.abs(aheadMs) / 1000).toFixed(1)} s ${aheadMs > 0 ? "ahead of" : "behind"} ours`;
  const advice = Math.abs(aheadMs) > WORRYING_MS ? "; set the clock that is wrong" : "";
  return `clock of the store: ${off}${advice}`;
}

function remarks({ leftBehind, foldersRemoved, location }: StoreAssessment): string[] {
  const lines: string[] = [];
  if (leftBehind > 0)
    lines.push(`${formatCount(leftBehind, "file")} could not be removed: delete ${location}`);
  else if (!foldersRemoved) lines.push(`if the store has folders, ${location} is left, empty`);
  return lines;
}
