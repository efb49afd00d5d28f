import type { Random } from "./random.ts";
import { toRaw } from "./raw-path.ts";

const TEXT_NAMES = [
  ..."\x01 \x07bell \x08 tab\there line\nend return\rhere \x0b \x0c \x1b[31mred \x1f \x7f".split(
    " ",
  ),
  ...['quo"te', "apos'trophe", "back\\slash", "\\x41", "\\u0041", "\\", '"', "'", "`id`"],
  ...[
    "html<&>",
    "$HOME",
    "*",
    "?",
    "[a]",
    "{a,b}",
    "#comment",
    "~",
    "%41",
    "a:b",
    "a|b",
    "a;b",
    "!",
  ],
  ...["-rf", "--help", " leading", "trailing ", " ", "...", "..a", ".hidden", "a.", "@latest"],
  ...["line\u2028separator", "paragraph\u2029separator", "\u0080", "\u00a0", "\u00ad", "\ufeffbom"],
  ...["e\u0301", "\u00e9", "\ue000", "\ufffd", "\uffff", "\u{1f600}", "\u{1f468}\u200d\u{1f469}"],
  ...[
    "\u{10ffff}",
    "\u202ertl",
    "\u4e2d\u6587",
    "\u0440\u0443\u0441",
    "constructor",
    "__proto__",
    "null",
  ],
  ...["n".repeat(255), "\u{1f600}".repeat(63) + "abc"],
];

const BYTE_NAMES = [
  [0xff],
  [0x69, 0x6e, 0x76, 0xff, 0xfe, 0x61, 0x6c, 0x69, 0x64],
  [0xe2, 0x82], // cut in the middle of a character
  [0xc0, 0xae], // a dot, encoded longer than allowed
  [0xed, 0xa0, 0x80], // half of a surrogate pair
  [0xf4, 0x90, 0x80, 0x80], // beyond the last code point
  [0x80, 0xbf],
];

/** Names of every odd kind, one of each: raw strings, unique, none of them `.` or `..`. */
export const ODD_NAMES: readonly string[] = [
  ...TEXT_NAMES.map(toRaw),
  ...BYTE_NAMES.map((bytes) => toRaw(Uint8Array.from(bytes))),
];

/** A raw name of 1 to 24 random bytes, without NUL and slash and never `.` or `..`. */
export function randomName(random: Random): string {
  const bytes = random
    .bytes(random.between(1, 24))
    .map((byte) => (byte === 0 || byte === 0x2f ? 0x5f : byte));
  const name = toRaw(bytes);
  return /^\.\.?$/.test(name) ? "dots" : name;
}
