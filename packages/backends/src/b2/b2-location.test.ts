import { expect, test } from "vitest";

import { formatB2Location, parseB2Location } from "./b2-location.ts";

test("parseB2Location() reads bucket and prefix, and cleans the prefix as restic does", () => {
  for (const [text, bucket, root] of [
    ["bucket-1", "bucket-1", ""],
    ["bucket-1:", "bucket-1", ""],
    ["bucket-1:/", "bucket-1", ""],
    ["bucket-1:.", "bucket-1", ""],
    ["Bucket-1:a", "Bucket-1", "a/"],
    ["bucket-1:/a/b/", "bucket-1", "a/b/"],
    ["bucket-1:a//b/./c/../d", "bucket-1", "a/b/d/"],
    ["bucket-1:a:b", "bucket-1", "a:b/"],
    ["bucket-1:ä b", "bucket-1", "ä b/"],
  ] as const) {
    expect(parseB2Location(text)).toEqual({ bucket, root });
  }
});

test("parseB2Location() refuses what can be no bucket or prefix, and says how to write it", () => {
  const long = "a".repeat(64);
  for (const text of ["", ":a", "short", long, "under_score", "bucket-1:..", "bucket-1:../a"]) {
    expect(() => parseB2Location(text)).toThrow("Cannot open the repository in B2");
  }
  expect(() => parseB2Location("bucket-1:a\nb")).toThrow("printable");
  expect(() => parseB2Location(`bucket-1:${"a".repeat(1000)}`)).toThrow("too long");
  expect(() => parseB2Location("bucket/prefix")).toThrow("b2:BUCKET:PREFIX");
});

test("formatB2Location() writes what parseB2Location() reads", () => {
  for (const text of ["bucket-1", "bucket-1:a", "bucket-1:a/b"]) {
    expect(formatB2Location(parseB2Location(text))).toBe(`b2:${text}`);
  }
});
