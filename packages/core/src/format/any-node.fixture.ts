import * as fc from "fast-check";
import type { JsonObject } from "./json.ts";
import type { Node } from "./node.ts";
import { formatTime } from "./time.ts";

/** Any 64 hex digits. */
export const anyId: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));

/** Any time that can be stored. */
export const anyTime: fc.Arbitrary<string> = fc
  .record({
    seconds: fc.integer({ min: -62_167_132_800, max: 253_402_214_400 }),
    nanoseconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
    offsetSeconds: fc.integer({ min: -840, max: 840 }).map((minutes) => minutes * 60),
  })
  .map(formatTime);

/** Any fields that a foreign program may have added. */
export const anyExtra: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.constant({}),
  fc.dictionary(
    fc.string().map((key) => `x_${key.toLowerCase()}`),
    fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(2n ** 64n - 1n),
      fc.constant(null),
      fc.constant({ deep: [true] }),
    ),
    { maxKeys: 3, noNullPrototype: true },
  ),
);

const anyUint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyUint64 = fc.oneof(
  fc.constant(0n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 999n }),
);
const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes));
const anyName = fc.oneof(
  anyBytes,
  fc.string({ unit: "binary" }).map((text) => new Uint8Array(new TextEncoder().encode(text))),
  fc.stringMatching(/^[a-z.]{1,12}$/).map((text) => new Uint8Array(new TextEncoder().encode(text))),
);
const anyText = fc.oneof(fc.constantFrom("", "root", "a\\b", '<"é'), fc.string({ unit: "binary" }));

/** Any node that decodes to an equal one. */
export const anyNode: fc.Arbitrary<Node> = fc.record({
  name: anyName,
  type: fc.constantFrom("file", "dir", "symlink", "dev", "chardev", "fifo", 'odd"'),
  mode: anyUint32,
  mtime: anyTime,
  atime: anyTime,
  ctime: anyTime,
  uid: anyUint32,
  gid: anyUint32,
  user: anyText,
  group: anyText,
  inode: anyUint64,
  deviceId: anyUint64,
  size: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  links: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  linkTarget: fc.option(
    anyName.filter((name) => name.length > 0),
    { nil: undefined },
  ),
  extendedAttributes: fc.oneof(
    fc.constant([]),
    fc.array(fc.record({ name: anyText, value: fc.option(anyBytes) }), { maxLength: 3 }),
  ),
  genericAttributes: fc.constantFrom(undefined, {
    "windows.file_attributes": 32,
    "windows.raw": "AA==",
  }),
  device: anyUint64,
  content: fc.option(fc.array(anyId, { maxLength: 4 })),
  subtree: fc.option(anyId, { nil: undefined }),
  error: fc.constantFrom("", "failed"),
  extra: anyExtra,
});
