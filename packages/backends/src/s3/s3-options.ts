import { TsbakError } from "@tsbak/core";

import { countOption, optionOf } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";

/** What `-o s3.NAME=VALUE` says. */
export interface S3Options {
  readonly connections: number;
  /** Undefined: found out. */
  readonly region: string | undefined;
  readonly bucketLookup: "auto" | "dns" | "path";
  readonly storageClass: string | undefined;
  /** List in the old way, for servers that know no other. */
  readonly listsObjectsV1: boolean;
  readonly isAnonymous: boolean;
  /** The section of Amazon's configuration files that has the credentials. */
  readonly profile: string | undefined;
  readonly retention: Retention | undefined;
}

/** How long a version of an object is kept from being removed or replaced, by whoever, from its upload on. */
export interface Retention {
  readonly durationMs: number;
  /** Whether some may lift it (GOVERNANCE) or nobody (COMPLIANCE). */
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
}

const HOUR_MS = 3_600_000;
const UNIT_MS: Readonly<Record<string, number>> = {
  h: HOUR_MS,
  d: 24 * HOUR_MS,
  w: 7 * 24 * HOUR_MS,
  y: 365 * 24 * HOUR_MS,
};

/**
 * Read the options of an S3 store. Of restic's, `s3.retries` is accepted but changes nothing, since all stores are treated
 * alike, and `s3.restore-...` too, without what they belong to.
 *
 * @throws {TsbakError} `invalid-argument` for a value that cannot be, or that this version cannot follow.
 */
export function readS3Options(settings: BackendSettings): S3Options {
  choiceOption(settings, "s3.layout", ["default"]);
  if (flagOption(settings, "s3.enable-restore")) {
    throw badOption(
      "-o s3.enable-restore",
      "files in an archive are not brought back by this version; have the store do it first",
    );
  }
  countOption(settings, "s3.retries", 1);
  return {
    connections: countOption(settings, "s3.connections", 5),
    region: optionOf(settings, "s3.region") || undefined,
    bucketLookup: choiceOption(settings, "s3.bucket-lookup", ["auto", "dns", "path"]),
    storageClass: optionOf(settings, "s3.storage-class") || undefined,
    listsObjectsV1: flagOption(settings, "s3.list-objects-v1"),
    isAnonymous: flagOption(settings, "s3.unsafe-anonymous-auth"),
    profile: optionOf(settings, "s3.profile") || undefined,
    retention: readRetention(settings),
  };
}

function readRetention(settings: BackendSettings): Retention | undefined {
  const mode = choiceOption(settings, "s3.retention-mode", ["GOVERNANCE", "COMPLIANCE"]);
  const text = optionOf(settings, "s3.retention");
  if (text === undefined) {
    if (optionOf(settings, "s3.retention-mode") === undefined) return undefined;
    throw badOption("-o s3.retention-mode", "it needs -o s3.retention=30d or the like beside it");
  }
  const match = /^([1-9]\d{0,4})([hdwy])$/.exec(text);
  const unitMs = UNIT_MS[match?.[2] ?? ""];
  if (match === null || unitMs === undefined) {
    throw badOption(
      `-o s3.retention=${text}`,
      "it takes a number of hours, days, weeks or years, such as 30d",
    );
  }
  return { durationMs: Number(match[1]) * unitMs, mode };
}

/** The first of `choices` unless the option is given; its case does not matter. */
function choiceOption<T extends string>(
  settings: BackendSettings,
  name: string,
  choices: readonly [T, ...T[]],
): T {
  const text = optionOf(settings, name);
  if (text === undefined) return choices[0];
  const found = choices.find((choice) => choice.toLowerCase() === text.toLowerCase());
  if (found !== undefined) return found;
  throw badOption(`-o ${name}=${text}`, `it takes one of ${choices.join(", ")}`);
}

/** The words for yes and no that restic takes. */
function flagOption(settings: BackendSettings, name: string): boolean {
  const text = optionOf(settings, name);
  if (text === undefined) return false;
  if (/^(1|t|true)$/i.test(text)) return true;
  if (/^(0|f|false)$/i.test(text)) return false;
  throw badOption(`-o ${name}=${text}`, "it takes true or false");
}

function badOption(what: string, why: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot use ${what}: ${why}`);
}
