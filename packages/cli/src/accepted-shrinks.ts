import {
  parseJson,
  parseTime,
  StateFolder,
  stateDirectory,
  type SnapshotGroupKey,
} from "@tsbak/core";

const FILE = "accepted-shrinks.json";

/**
 * What this machine remembers of `forget --allow-shrink`: for each group the time of the snapshot that was seen to be much smaller than those
 * before. So one run with the flag is enough. Where nothing can be remembered the flag is needed again.
 */
export class AcceptedShrinks {
  readonly #folder: StateFolder;
  readonly #times: Map<string, string>;

  constructor(repositoryId: string, environment: NodeJS.ProcessEnv) {
    this.#folder = new StateFolder(stateDirectory(environment), repositoryId);
    this.#times = new Map(Object.entries(readTimes(this.#folder)));
  }

  timeOf(group: SnapshotGroupKey): string | undefined {
    return this.#times.get(nameOf(group));
  }

  /** @throws {TsbakError} `denied` or `no-space` if it cannot be remembered. */
  accept(group: SnapshotGroupKey, time: string): void {
    this.#times.set(nameOf(group), time);
    const text = JSON.stringify(Object.fromEntries(this.#times));
    this.#folder.write(FILE, new TextEncoder().encode(text));
  }
}

function nameOf({ host, paths, tags }: SnapshotGroupKey): string {
  return JSON.stringify([host ?? null, paths ?? null, tags ?? null]);
}

/** What cannot be read was not accepted. */
function readTimes(folder: StateFolder): Record<string, string> {
  try {
    const value = parseJson(folder.read(FILE)?.toString("utf8") ?? "{}");
    if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
    for (const time of Object.values(value)) parseTime(String(time));
    return value as Record<string, string>;
  } catch {
    return {};
  }
}
