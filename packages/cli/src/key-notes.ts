import {
  isExpired,
  isTsbakError,
  KeyNotes,
  StateFolder,
  stateDirectory,
  type KeyNote,
  type Repository,
} from "@tsbak/core";
import type { Context } from "./context.ts";
import { formatLocalTime, printable } from "./format-text.ts";

/** The labels and expiry dates that this machine has for keys of a repository; none if they cannot be read. */
export function readKeyNotes(
  context: Context,
  repository: Repository,
): ReadonlyMap<string, KeyNote> {
  try {
    return notesOf(context, repository).all();
  } catch (error) {
    if (!isTsbakError(error)) throw error;
    return new Map();
  }
}

/** Note something about a key. As nothing depends on it, a failure is only told, and only if there was something to note. */
export function noteKey(
  context: Context,
  repository: Repository,
  keyId: string,
  note: KeyNote,
): void {
  try {
    notesOf(context, repository).set(keyId, note);
  } catch (error) {
    if (!isTsbakError(error)) throw error;
    if (note.label === undefined && note.expires === undefined) return;
    context.output.warn(`the label and expiry of the key could not be kept: ${error.message}`);
  }
}

function notesOf({ environment }: Context, repository: Repository): KeyNotes {
  return new KeyNotes(new StateFolder(stateDirectory(environment), repository.id));
}

/** Warn if the key with which the repository was opened should no longer be used. */
export function warnOfExpiredKey(context: Context, repository: Repository): void {
  const note = readKeyNotes(context, repository).get(repository.keyId);
  if (note === undefined || !isExpired(note)) return;
  const id = repository.keyId.slice(0, 8);
  const label = note.label === undefined ? "" : ` (${printable(note.label)})`;
  const message =
    `key ${id}${label} expired at ${formatLocalTime(note.expires ?? "")}; ` +
    `make another with "tsbak key add", or change its password with "tsbak key passwd"`;
  context.output.warnMessage(message, { message_type: "warning", message });
}
