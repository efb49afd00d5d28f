import { TsbakError } from "@tsbak/core";

import type { BackendSettings } from "./settings.ts";

/** What `-o SCHEME.NAME=VALUE` can be for each kind of store: restic's names, and some of our own. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  local: ["connections"],
  sftp: ["args", "command", "connections"],
  s3: [
    "bucket-lookup",
    "connections",
    "enable-restore",
    "layout",
    "list-objects-v1",
    "profile",
    "region",
    "restore-days",
    "restore-tier",
    "restore-timeout",
    "retention",
    "retention-mode",
    "retries",
    "storage-class",
    "unsafe-anonymous-auth",
  ],
  b2: ["connections", "endpoint", "hard-delete"],
  rest: ["connections"],
  rclone: ["args", "connections", "program", "timeout"],
  azure: ["access-tier", "connections"],
  gs: ["connections", "region"],
  swift: ["connections"],
};

/**
 * Refuse what is no option of stores of this kind, which would else do nothing and nobody knew. Options of other kinds may be there:
 * the same may be given for two repositories.
 *
 * @throws {TsbakError} `invalid-argument`
 */
export function refuseUnknownOptions(scheme: string, settings: BackendSettings): void {
  for (const option of Object.keys(settings.options ?? {})) {
    const [kind = "", name = ""] = option.split(/\.(.*)/s);
    const names = Object.hasOwn(NAMES, kind) ? NAMES[kind] : undefined;
    if (names === undefined) throw unknown(option, `it begins with none of ${kinds()}`);
    if (kind !== scheme || names.includes(name)) continue;
    throw unknown(option, `of ${kind} there are ${names.join(", ")}`);
  }
}

function kinds(): string {
  return Object.keys(NAMES)
    .map((kind) => `${kind}.`)
    .join(", ");
}

function unknown(option: string, reason: string): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot open the repository: option ${option} is not known; ${reason}`,
  );
}
