import { expect, test } from "vitest";

import { findProxy } from "./proxy.ts";

const PROXY = "http://proxy.test:3128";

test.each([
  ["store.test", undefined, true],
  ["store.test", "other.test,store.test", false],
  ["deep.store.test", "store.test", false],
  ["mystore.test", "store.test", true],
  ["store.test", ".store.test", true],
  ["deep.store.test", ".store.test", false],
  ["STORE.test", "store.TEST", false],
  ["store.test", "store.test:9000", false],
  ["store.test", "store.test:9001", true],
  ["store.test", "*", false],
  ["10.1.2.3", "10.0.0.0/8", false],
  ["11.1.2.3", "10.0.0.0/8", true],
  ["10.1.2.3", "10.1.2.3", false],
  ["fd00::1", "fd00::/8", false],
  ["fd00::1", "[fd00::1]:9000", false],
  ["fd00::1", "fd00::2", true],
  ["localhost", undefined, false],
  ["127.0.0.53", undefined, false],
  ["::1", undefined, false],
])("findProxy() for %s with NO_PROXY=%s", (host, noProxy, isUsed) => {
  const environment = { HTTP_PROXY: PROXY, NO_PROXY: noProxy };

  const proxy = findProxy({ isSecure: false, host, port: 9000 }, { environment });

  expect(proxy !== undefined).toBe(isUsed);
});

test("findProxy() takes the one for the protocol, in capitals first, with its password", () => {
  const environment = {
    HTTPS_PROXY: "http://ana:p%40ss@[fd00::9]",
    https_proxy: PROXY,
    http_proxy: "proxy.test:8080",
  };
  const find = (isSecure: boolean): unknown =>
    findProxy({ isSecure, host: "store.test", port: 1 }, { environment });

  const authorization = `Basic ${Buffer.from("ana:p@ss").toString("base64")}`;
  expect(find(true)).toEqual({ host: "fd00::9", port: 80, authorization });
  expect(find(false)).toEqual({ host: "proxy.test", port: 8080, authorization: undefined });
});

test.each(["socks5://ana:secret@proxy.test", "http://", "https://ana:secret@proxy.test"])(
  "findProxy() refuses %s without repeating it",
  (address) => {
    const find = (): unknown =>
      findProxy(
        { isSecure: false, host: "store.test", port: 80 },
        { environment: { HTTP_PROXY: address } },
      );

    expect(find).toThrow(/^Cannot use HTTP_PROXY: (?!.*secret)/);
  },
);
