import { existsSync } from "node:fs";

import { TsbakError } from "@tsbak/core";
import type { Backend } from "@tsbak/core";

import { refuseUnknownOptions } from "./known-options.ts";
import { looksLikePath } from "./local-folder.ts";
import { LocalBackend } from "./local.ts";
import { countOption, type BackendSettings } from "./settings.ts";

type Opener = (
  rest: string,
  settings: BackendSettings,
  scheme: string,
) => Backend | Promise<Backend>;

/** What follows the scheme and its colon goes to the opener. Those that need an SDK load it only then. */
const OPENERS: Readonly<Record<string, Opener>> = {
  local: openLocal,
  sftp: async (rest, settings) => (await import("./sftp/open-sftp.ts")).openSftp(rest, settings),
  s3: async (rest, settings) => (await import("./s3/open-s3.ts")).openS3(rest, settings),
  b2: async (rest, settings) => (await import("./b2/open-b2.ts")).openB2(rest, settings),
  rest: async (rest, settings) => (await import("./rest/open-rest.ts")).openRest(rest, settings),
  rclone: async (rest, settings) =>
    (await import("./rclone/open-rclone.ts")).openRclone(rest, settings),
  azure: notYet,
  gs: notYet,
  swift: notYet,
};

/**
 * The store that a location names, as restic spells it: `/srv/backup`, `local:backup`, `s3:host/bucket/prefix`.
 * Nothing is read or connected yet.
 *
 * @throws {TsbakError} `unsupported` for a store of restic's that this version does not know.
 * @throws {TsbakError} `invalid-argument` for an empty location, or a scheme or option that nobody knows.
 */
export async function openBackend(
  location: string,
  settings: BackendSettings = {},
): Promise<Backend> {
  const colon = location.indexOf(":");
  const scheme = location.slice(0, Math.max(colon, 0));
  const opener = Object.hasOwn(OPENERS, scheme) ? OPENERS[scheme] : undefined;
  if (opener !== undefined) {
    refuseUnknownOptions(scheme, settings);
    return await opener(location.slice(colon + 1), settings, scheme);
  }
  if (colon >= 0 && !looksLikePath(location) && !existsSync(location)) {
    // Only the scheme is quoted: the rest may hold a password.
    throw new TsbakError(
      "invalid-argument",
      `Cannot open the repository: "${scheme}:" is no kind of store; put "local:" before the path of a local folder`,
    );
  }
  refuseUnknownOptions("local", settings);
  return openLocal(location, settings);
}

function openLocal(path: string, settings: BackendSettings): Backend {
  if (path === "") {
    throw new TsbakError("invalid-argument", "Cannot open the repository: its location is empty");
  }
  return new LocalBackend(path, countOption(settings, "local.connections", 2));
}

function notYet(_rest: string, _settings: BackendSettings, scheme: string): never {
  throw new TsbakError(
    "unsupported",
    `Cannot open the repository: stores of kind "${scheme}:" are not in this version yet`,
  );
}
