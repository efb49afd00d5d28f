import { expect, test } from "vitest";
import fc from "fast-check";
import { joinNulList, splitNulList } from "./nul-list.ts";

test("splitNulList() gives back what joinNulList() was given, empty parts too", () => {
  const part = fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.map((byte) => byte || 1));
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      expect(splitNulList(joinNulList(parts))).toEqual(parts);
    }),
  );
});
