import { resolve } from "node:path";
import type { SnapshotFilter } from "@tsbak/core";
import { setting, type Environment } from "./environment.ts";
import type { FilterFlags } from "./options.ts";

/** The filter that flags and environment ask for; `--host ""` takes back what the environment says. */
export function snapshotFilter(flags: FilterFlags, environment: Environment): SnapshotFilter {
  const host = setting(environment, "HOST");
  const hosts = flags.host ?? (host === undefined ? [] : [host]);
  return {
    hosts: hosts.filter((name) => name !== ""),
    tagLists: flags.tag ?? [],
    paths: (flags.path ?? []).map((path) => resolve(path)),
  };
}
