import { wrapLocalStore, wrapStore } from "@tsbak/core";
import type { Backend, WrapOptions } from "@tsbak/core";

import { LocalBackend } from "./local.ts";
import { openBackend } from "./open-backend.ts";
import type { BackendSettings } from "./settings.ts";

/**
 * The store that a location names, as `openBackend` gives it, and treated as befits one over a network: failures that may pass are
 * repeated, connections and bandwidth limited, stuck calls ended, requests counted.
 *
 * @throws {TsbakError} what `openBackend` throws.
 */
export async function openStore(
  location: string,
  settings: BackendSettings,
  treatment: WrapOptions,
): Promise<Backend> {
  const backend = await openBackend(location, settings);
  if (backend instanceof LocalBackend) return wrapLocalStore(backend, treatment.bandwidth ?? {});
  return wrapStore(backend, treatment);
}
