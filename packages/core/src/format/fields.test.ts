import { expect, test } from "vitest";
import { Fields } from "./fields.ts";
import type { JsonValue } from "./json.ts";

const ID = "0123456789abcdef".repeat(4);

test("Fields finds a field in any letter case, and the last of several wins", () => {
  expect(new Fields({ HostName: "a" }, "lock").string("hostname")).toBe("a");
  expect(new Fields({ id: "a", ID: "b" }, "lock").string("id")).toBe("b");
});

test("Fields takes null and a missing field for Go's zero value", () => {
  for (const object of [{ x: null }, {}]) {
    const fields = (): Fields => new Fields(object, "lock");
    expect(fields().string("x")).toBe("");
    expect(fields().uint("x")).toBe(0);
    expect(fields().int("x")).toBe(0);
    expect(fields().uint64("x")).toBe(0n);
    expect(fields().boolean("x")).toBe(false);
    expect(fields().strings("x")).toEqual([]);
    expect(fields().ids("x")).toBeNull();
    expect(fields().optionalId("x")).toBeUndefined();
    expect(fields().optionalBytes("x")).toBeUndefined();
    expect(fields().object("x")).toBeUndefined();
    expect(() => fields().requiredId("x")).toThrow('Cannot read lock: field "x" is missing');
  }
});

test("Fields.rest() gives what was not asked for, with the keys as written", () => {
  const fields = new Fields({ Label: "l", time: "t", n: null }, "snapshot");
  fields.string("time");

  expect(fields.rest()).toEqual({ Label: "l", n: null });
});

test("Fields reads numbers, ids and bytes", () => {
  const big = 2n ** 64n - 1n;
  const fields = new Fields(
    { small: 7, big, negative: -7, id: ID.toUpperCase(), bytes: "AP8=" },
    "tree",
  );

  expect(fields.uint64("small")).toBe(7n);
  expect(fields.uint64("big")).toBe(big);
  expect(fields.int("negative")).toBe(-7);
  expect(fields.requiredId("id")).toBe(ID);
  expect(fields.requiredBytes("bytes")).toEqual(Uint8Array.of(0, 255));
});

test.each<[string, JsonValue, (fields: Fields) => unknown]>([
  ["a number as string", 1, (fields) => fields.string("x")],
  ["a string as boolean", "true", (fields) => fields.boolean("x")],
  ["a negative number", -1, (fields) => fields.uint("x")],
  ["a fraction", 1.5, (fields) => fields.uint("x")],
  ["a number beyond 2^53", 2n ** 60n, (fields) => fields.uint("x")],
  ["33 bits", 2 ** 32, (fields) => fields.uint32("x")],
  ["a fraction as int", 0.5, (fields) => fields.int("x")],
  ["65 bits", 2n ** 64n, (fields) => fields.uint64("x")],
  ["a negative big number", -(2n ** 60n), (fields) => fields.uint64("x")],
  ["an imprecise number", 2 ** 60, (fields) => fields.uint64("x")],
  ["a short id", ID.slice(1), (fields) => fields.optionalId("x")],
  ["an id of other letters", "g" + ID.slice(1), (fields) => fields.optionalId("x")],
  ["a null id in a list", [null], (fields) => fields.ids("x")],
  ["a string as list", "a", (fields) => fields.array("x")],
  ["a number in a list of strings", [1], (fields) => fields.strings("x")],
  ["base64 of other letters", "A*==", (fields) => fields.optionalBytes("x")],
  ["base64 without padding", "AP8", (fields) => fields.optionalBytes("x")],
  ["a list as object", [], (fields) => fields.object("x")],
])("Fields refuses %s", (_, value, read) => {
  expect(() => read(new Fields({ x: value }, "tree"))).toThrow(
    expect.objectContaining({
      code: "corrupt",
      message: expect.stringContaining('Cannot read tree: field "x"') as string,
    }),
  );
});

test.each<JsonValue>([null, [], "x", 1])("Fields refuses %j in place of an object", (value) => {
  expect(() => new Fields(value, "lock")).toThrow("Cannot read lock: it is not a JSON object");
});
