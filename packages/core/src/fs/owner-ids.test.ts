import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { OwnerIds } from "./owner-ids.ts";

const folder = mkdtempSync(join(tmpdir(), "tsbak-owner-ids-"));
const passwd = join(folder, "passwd");
const group = join(folder, "group");
writeFileSync(
  passwd,
  "root:x:0:0::/:\nme:x:1000:100::/:\nme:x:1001:100::/:\nfar:x:4000000000:1::/:\n",
);
writeFileSync(group, "users:x:100:me,you\n");
afterAll(() => rmSync(folder, { recursive: true }));

test("OwnerIds reads the system's files, where the first id of a name wins", () => {
  const ids = new OwnerIds({ passwd, group, lookUp: () => undefined });

  expect([ids.user("root", 7), ids.user("me", 7), ids.user("far", 7)]).toEqual([0, 1000, 4e9]);
  expect(ids.group("users", 7)).toBe(100);
});

test("OwnerIds keeps the recorded id of whom this machine does not know", () => {
  const ids = new OwnerIds({ passwd, group, lookUp: () => undefined });

  expect([ids.user("stranger", 7), ids.user("", 8), ids.group("me", 9)]).toEqual([7, 8, 9]);
});

test("OwnerIds asks once for a name that the files do not have, and never for what is none", () => {
  const asked: string[] = [];
  const lookUp = (database: string, name: string): number | undefined => {
    asked.push(`${database} ${name}`);
    return name === "ldap" ? 5000 : undefined;
  };
  const ids = new OwnerIds({ passwd, group, lookUp });

  for (let round = 0; round < 3; round++) {
    expect([ids.user("ldap", 7), ids.user("nobody here", 7)]).toEqual([5000, 7]);
    for (const name of ["1000", "--help", "a:b", "a\0b", ""]) expect(ids.user(name, 7)).toBe(7);
  }
  expect(asked).toEqual(["passwd ldap", "passwd nobody here"]);
});

test("OwnerIds stops asking when too many names are not known", () => {
  let asked = 0;
  const ids = new OwnerIds({ passwd, group, lookUp: () => void asked++ });

  for (let at = 0; at < 10_000; at++) ids.group(`group-${at}`, at);

  expect(asked).toBe(64);
});

test("OwnerIds knows this machine's root, and nobody whom it does not have", () => {
  const ids = new OwnerIds();

  expect([ids.user("root", 7), ids.user("nobody has this name", 7)]).toEqual([0, 7]);
});
