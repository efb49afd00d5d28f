import { isId } from "../bytes/hex.ts";
import { isTsbakError } from "../errors.ts";
import { Fields } from "../format/fields.ts";
import { encodeJson, parseJsonBytes, type JsonObject } from "../format/json.ts";
import { compareTimes, parseTime, type Timestamp } from "../format/time.ts";
import { localNow } from "../fs/local-time.ts";
import type { StateFolder } from "../fs/state-folder.ts";

/** What this machine was told about a key. The repository knows nothing of it, and other machines do not either. */
export interface KeyNote {
  readonly label?: string | undefined;
  /** RFC 3339 time from which on the key should no longer be used. It still opens the repository. */
  readonly expires?: string | undefined;
}

const FILE = "keys.json";

/** Labels and expiry dates of the keys of one repository, in local state. A damaged file counts as none. */
export class KeyNotes {
  readonly #state: StateFolder;

  constructor(state: StateFolder) {
    this.#state = state;
  }

  /** The notes by the ids of their keys. @throws {TsbakError} `denied` if local state cannot be read. */
  all(): Map<string, KeyNote> {
    const bytes = this.#state.read(FILE);
    if (bytes === undefined) return new Map();
    try {
      return decodeNotes(bytes);
    } catch (error) {
      if (isTsbakError(error, "corrupt")) return new Map();
      throw error;
    }
  }

  /** Set or, with an empty note, take away. @throws {TsbakError} as `StateFolder.write`. */
  set(keyId: string, note: KeyNote): void {
    const notes = this.all();
    const isEmpty = note.label === undefined && note.expires === undefined;
    if (isEmpty && !notes.has(keyId)) return;
    if (isEmpty) notes.delete(keyId);
    else notes.set(keyId, note);
    this.#state.write(FILE, encodeNotes(notes));
  }
}

/** True if a key should no longer be used. By this machine's clock unless `now` is given. */
export function isExpired(note: KeyNote, now: Timestamp = localNow()): boolean {
  return note.expires !== undefined && compareTimes(parseTime(note.expires), now) <= 0;
}

function encodeNotes(notes: ReadonlyMap<string, KeyNote>): Uint8Array {
  const object: JsonObject = {};
  for (const [id, { label, expires }] of notes) {
    object[id] = {
      ...(label === undefined ? {} : { label }),
      ...(expires === undefined ? {} : { expires }),
    };
  }
  return new TextEncoder().encode(`${encodeJson(object)}\n`);
}

function decodeNotes(bytes: Uint8Array): Map<string, KeyNote> {
  const notes = new Map<string, KeyNote>();
  const all = new Fields(parseJsonBytes(bytes, "labels of keys"), "labels of keys").rest();
  for (const [id, value] of Object.entries(all)) {
    if (!isId(id)) continue;
    const fields = new Fields(value, "labels of keys");
    notes.set(id, {
      label: fields.optionalString("label"),
      expires: fields.optionalTime("expires"),
    });
  }
  return notes;
}
