import { expect, test } from "vitest";
import type { Config } from "./config.ts";
import { decodeConfig, encodeConfig } from "./config.ts";

const ID = "0123456789abcdef".repeat(4);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array): string => new TextDecoder().decode(raw);
const config: Config = {
  version: 2,
  id: ID,
  chunkerPolynomial: "3da3358b4dc173",
  chunker: "rabin",
  extra: {},
};
const REAL = `{"version":2,"id":"${ID}","chunker_polynomial":"3da3358b4dc173"}`;

test("encodeConfig() writes what restic writes, and decodeConfig() reads it", () => {
  expect(text(encodeConfig(config))).toBe(REAL);
  expect(decodeConfig(bytes(REAL))).toEqual(config);
});

test("a chunker other than rabin is kept in a field that restic does not know", () => {
  const fast: Config = { ...config, chunker: "fastcdc" };

  expect(text(encodeConfig(fast))).toBe(`${REAL.slice(0, -1)},"tsbak_chunker":"fastcdc"}`);
  expect(decodeConfig(encodeConfig(fast))).toEqual(fast);
});

test("decodeConfig() keeps the fields of rustic, its chunker too", () => {
  const extra = { chunker: "fixed_size", chunk_size: 1048576, is_hot: true };
  const rustic = `${REAL.slice(0, -1)},"chunker":"fixed_size","chunk_size":1048576,"is_hot":true}`;

  expect(decodeConfig(bytes(rustic))).toEqual({ ...config, extra });
  expect(text(encodeConfig(decodeConfig(bytes(rustic))))).toBe(rustic);
});

test.each([0, 3, 99])("decodeConfig() says that it does not know version %i", (version) => {
  expect(() => decodeConfig(bytes(REAL.replace(":2,", `:${version},`)))).toThrow(
    expect.objectContaining({
      code: "unsupported",
      message: expect.stringContaining(`version is ${version}`) as string,
    }),
  );
});

test.each([
  ["version", REAL.replace(":2,", ':"2",')],
  ["id", REAL.replace(ID, ID.slice(2))],
  ["id", REAL.replace('"id"', '"idd"')],
  ["chunker_polynomial", REAL.replace("3da3358b4dc173", "0x3da3358b4dc173")],
  ["chunker_polynomial", REAL.replace("3da3358b4dc173", "1".repeat(17))],
  ["chunker_polynomial", REAL.replace('"3da3358b4dc173"', "5")],
  ["chunker_polynomial", REAL.replace("chunker_p", "p")],
  ["tsbak_chunker", `${REAL.slice(0, -1)},"tsbak_chunker":1}`],
  ["JSON", REAL.slice(0, -1)],
])("decodeConfig() refuses a bad %s: %s", (where, input) => {
  expect(() => decodeConfig(bytes(input))).toThrow(
    expect.objectContaining({ code: "corrupt", message: expect.stringContaining(where) as string }),
  );
});
