import { lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ForgedRepository,
  forgeDirectory,
  forgeFile,
  forgeLink,
  type ForgedFields,
} from "./forged-repository.ts";
import { requirePeer, Workshop } from "./peers.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("SKIPPED TESTS: only root can give files to others");

/** A user and a group that no Linux is without, with their numbers here. */
const [user, group] = [otherThanRoot("/etc/passwd"), otherThanRoot("/etc/group")];
const FAR = { uid: 2 ** 32 - 2, gid: 2 ** 31 + 1 };

let workshop: Workshop;
let snapshot: string;

function otherThanRoot(path: string): { readonly name: string; readonly id: number } {
  const [, second = ""] = readFileSync(path, "utf8").split("\n");
  const [name = "", , id = ""] = second.split(":");
  return { name, id: Number(id) };
}

beforeAll(async () => {
  workshop = new Workshop();
  const forged = await ForgedRepository.create(workshop.path("repository"), "correct horse");
  const file = (name: string, fields: ForgedFields): string =>
    forgeFile(name, 0, [], { ...FAR, ...fields });
  const inner = forged.tree(file("inner", { user: user.name }));
  const tree = forged.tree(
    forgeDirectory("directory", inner, { ...FAR, user: user.name, group: group.name }),
    file("known", { user: user.name, group: group.name }),
    forgeLink("link", "nowhere", { ...FAR, group: group.name, mtime: "1901-12-13T20:45:53.5Z" }),
    file("nameless", {}),
    file("unknown", { user: "nobody has this name", group: "--help" }),
  );
  ({ tree: snapshot } = await forged.finish({ tree }));
});
afterAll(() => workshop.close());

async function restoreOwners(...args: string[]): Promise<Record<string, string>> {
  const target = workshop.path(`target${args.length}`);
  const command = ["-r", workshop.path("repository"), "restore", snapshot, "--target", target];
  await workshop.must("tsbak", [...command, ...args]);
  const paths = ["directory", "directory/inner", "known", "link", "nameless", "unknown"];
  expect(lstatSync(join(target, "link"), { bigint: true }).mtimeNs).toBe(
    -2_147_483_646_500_000_000n,
  );
  return Object.fromEntries(
    paths.map((path) => {
      const { uid, gid } = lstatSync(join(target, path));
      return [path, `${uid}:${gid}`];
    }),
  );
}

describe.skipIf(!requirePeer("tsbak") || !isRoot)("restore of owners", () => {
  const recorded = `${FAR.uid}:${FAR.gid}`;

  test("takes the recorded numbers, however large", async () => {
    const owners = await restoreOwners();

    expect(new Set(Object.values(owners))).toEqual(new Set([recorded]));
  });

  test("takes names where this machine has them, and else the numbers, with --ownership-by-name", async () => {
    expect(await restoreOwners("--ownership-by-name")).toEqual({
      directory: `${user.id}:${group.id}`,
      "directory/inner": `${user.id}:${FAR.gid}`,
      known: `${user.id}:${group.id}`,
      link: `${FAR.uid}:${group.id}`,
      nameless: recorded,
      unknown: recorded,
    });
  });
});
