import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { OwnerNames } from "./owners.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-owners-"));
const passwd = join(folder, "passwd");
const group = join(folder, "group");
writeFileSync(
  passwd,
  "# comment:x:7:7::/:\nroot:x:0:0:root:/root:/bin/sh\n\nbroken line\n+nis:x:8:8::/:\ntoor:x:0:0::/:/bin/sh\nme:x:1000:100::/:\n",
);
writeFileSync(group, "root:x:0:\nusers:x:100:me,you\n");
afterAll(() => rmSync(folder, { recursive: true }));

test("OwnerNames reads the system's files, where the first name of an id wins", () => {
  const names = new OwnerNames({ passwd, group, lookUp: () => undefined });

  expect([0, 1000, 7, 8, 4_294_967_295].map((id) => names.user(id))).toEqual([
    "root",
    "me",
    "",
    "",
    "",
  ]);
  expect([0, 100, 1000].map((id) => names.group(id))).toEqual(["root", "users", ""]);
});

test("OwnerNames asks once for an id that the files do not have", () => {
  const asked: string[] = [];
  const names = new OwnerNames({
    passwd,
    group,
    lookUp: (database, id) => {
      asked.push(`${database} ${id}`);
      return id === 5000 ? "ldap" : undefined;
    },
  });

  for (let round = 0; round < 3; round++) {
    expect(names.user(5000)).toBe("ldap");
    expect(names.user(5001)).toBe("");
    expect(names.group(5001)).toBe("");
  }
  expect(asked).toEqual(["passwd 5000", "passwd 5001", "group 5001"]);
});

test("OwnerNames stops asking when too many ids have no name", () => {
  let asked = 0;
  const names = new OwnerNames({ passwd, group, lookUp: () => void asked++ });

  for (let id = 10_000; id < 20_000; id++) names.user(id);

  expect(asked).toBe(64);
});

test("OwnerNames knows this machine's root, and no name for an id that nobody has", () => {
  const names = new OwnerNames();

  expect(names.user(0)).toBe("root");
  expect(names.user(3_999_999_999)).toBe("");
});

test("OwnerNames works without the system's files", () => {
  const names = new OwnerNames({
    passwd: join(folder, "no"),
    group: join(folder, "no"),
    lookUp: () => undefined,
  });
  expect(names.user(0)).toBe("");
});
