import { constants } from "node:os";
import { splitNulList } from "../bytes/nul-list.ts";
import { codePointAt } from "../format/go-quote.ts";
import type { ExtendedAttribute } from "../format/node.ts";
import { loadPosix } from "./posix.ts";
import { isSystemError } from "./system-error.ts";

/** What a file system says that knows no attributes, or where one went away since they were listed. */
const NOTHING: ReadonlySet<number> = new Set([
  -constants.errno.ENOTSUP,
  -constants.errno.EOPNOTSUPP,
  -constants.errno.ENOSYS,
  -constants.errno.ENODATA,
]);

/**
 * The extended attributes of an entry itself, ACLs and capabilities among them, in the order of the system. Empty where
 * they cannot be read at all (no koffi, another platform, a file system without them).
 *
 * Throws the system's error (`EACCES`).
 */
export function readAttributes(path: Uint8Array): ExtendedAttribute[] {
  const posix = loadPosix();
  if (posix === undefined) return [];
  try {
    const list = posix.listAttributes(path);
    if (list.length === 0) return [];
    return splitNulList(list.slice()).flatMap((name) => {
      const value = ignoreMissing(() => posix.getAttribute(path, name));
      return value === undefined ? [] : [{ name: nameText(name), value }];
    });
  } catch (error) {
    if (isSystemError(error) && NOTHING.has(error.errno ?? 0)) return [];
    throw error;
  }
}

function ignoreMissing<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (isSystemError(error) && NOTHING.has(error.errno ?? 0)) return undefined;
    throw error;
  }
}

/** The format has names as text; a byte that is no UTF-8 becomes what Go writes for it. */
function nameText(name: Uint8Array): string {
  const text = Buffer.from(name).toString();
  if (!text.includes("\ufffd")) return text;
  let lossy = "";
  for (let at = 0; at < name.length;) {
    const codePoint = codePointAt(name, at);
    // A lone surrogate is what quoteJson turns into Go's escape for one invalid byte.
    lossy += codePoint < 0 ? "\ud800" : String.fromCodePoint(codePoint);
    at += codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
  }
  return lossy;
}
