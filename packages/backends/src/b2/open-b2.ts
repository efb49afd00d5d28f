import { TsbakError } from "@tsbak/core";
import type { Backend } from "@tsbak/core";

import { countOption, optionOf, variableOf, type BackendSettings } from "../settings.ts";
import { createAgents } from "./b2-agents.ts";
import { B2Client } from "./b2-client.ts";
import { parseB2Location } from "./b2-location.ts";
import { B2Backend } from "./b2.ts";

/**
 * The store `b2:bucket:prefix`; `rest` is what follows the scheme.
 *
 * The key is in B2_ACCOUNT_ID and B2_ACCOUNT_KEY, as for restic, or under the names of Backblaze's own programs. Options:
 * `b2.connections` (5), `b2.hard-delete` (true; false only hides what is removed), `b2.endpoint` (another server).
 *
 * @throws {TsbakError} `invalid-argument` for a location or setting that is wrong or missing.
 */
export async function openB2(rest: string, settings: BackendSettings): Promise<Backend> {
  const location = parseB2Location(rest);
  const client = new B2Client({
    ...credentials(settings),
    endpoint: endpointOption(settings),
    userAgent: settings.userAgent ?? "tsbak",
    agents: await createAgents(settings.tls),
  });
  return new B2Backend(location, client, {
    connections: countOption(settings, "b2.connections", 5),
    deletes: hardDeleteOption(settings),
  });
}

function credentials(settings: BackendSettings): { readonly keyId: string; readonly key: string } {
  for (const [idName, keyName] of [
    ["B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"],
    ["B2_APPLICATION_KEY_ID", "B2_APPLICATION_KEY"],
  ] as const) {
    const [keyId, key] = [variableOf(settings, idName), variableOf(settings, keyName)];
    if (keyId !== undefined && key !== undefined) return { keyId, key };
    if (keyId === undefined && key === undefined) continue;
    const missing = keyId === undefined ? idName : keyName;
    throw badSetting(`only half of the key is given; set ${missing} too`);
  }
  throw badSetting("no key is given; set B2_ACCOUNT_ID and B2_ACCOUNT_KEY");
}

function endpointOption(settings: BackendSettings): string {
  const text = optionOf(settings, "b2.endpoint") ?? "https://api.backblazeb2.com";
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && !url.username && !url.password) {
    return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  }
  throw badSetting("b2.endpoint is no URL of a server; write it as https://HOST");
}

function hardDeleteOption(settings: BackendSettings): boolean {
  const text = optionOf(settings, "b2.hard-delete") ?? "true";
  if (text === "true" || text === "false") return text === "true";
  throw badSetting(`b2.hard-delete=${text} is neither true nor false`);
}

function badSetting(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot open the repository in B2: ${reason}`);
}
