const VERSION = 2;
const ENTRY_SIZE = 8;
const TAGS: ReadonlyMap<number, string> = new Map([
  [0x01, "user"],
  [0x02, "user"],
  [0x04, "group"],
  [0x08, "group"],
  [0x10, "mask"],
  [0x20, "other"],
]);
/** Tags of entries for one user or group, which is named by its number. */
const NAMED: ReadonlySet<number> = new Set([0x02, 0x08]);

/**
 * A POSIX ACL in the long text form (acl(5)), a line an entry, users and groups by number, from the value of the attribute that
 * Linux keeps it in; undefined if it is not of that form.
 */
export function aclText(value: Uint8Array): string | undefined {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 4 || (value.length - 4) % ENTRY_SIZE !== 0) return undefined;
  if (view.getUint32(0, true) !== VERSION) return undefined;
  let text = "";
  for (let at = 4; at < value.length; at += ENTRY_SIZE) {
    const number = view.getUint16(at, true);
    const tag = TAGS.get(number);
    if (tag === undefined) return undefined;
    const rights = view.getUint16(at + 2, true);
    const id = NAMED.has(number) ? String(view.getUint32(at + 4, true)) : "";
    const letters = RIGHTS.map(([bit, letter]) => ((rights & bit) === 0 ? "-" : letter));
    text += `${tag}:${id}:${letters.join("")}\n`;
  }
  return text;
}

const RIGHTS: readonly (readonly [bit: number, letter: string])[] = [
  [4, "r"],
  [2, "w"],
  [1, "x"],
];
