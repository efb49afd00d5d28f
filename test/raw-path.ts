/**
 * Paths as bytes. A name on Linux is any bytes but `/` and NUL, so a JavaScript string in UTF-8 cannot hold each of them.
 * The tests keep paths as *raw strings*: one character for each byte (latin1), which can be compared, sorted and used
 * as keys, and are turned to bytes where the file system is called.
 *
 * @module
 */

/** The bytes of a raw string, for a call of `node:fs`. */
export function toPath(raw: string): Buffer {
  return Buffer.from(raw, "latin1");
}

/** The raw string of an ordinary string, through UTF-8. */
export function toRaw(text: string | Uint8Array): string {
  return Buffer.from(text as string).toString("latin1");
}

/** For messages: printable ASCII stays, every other byte is `\xNN`. */
export function showRaw(raw: string): string {
  return raw.replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
