import * as fs from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compareTrees, describeTree } from "./compare-trees.ts";
import { mutateTree } from "./mutate-tree.ts";
import { ODD_NAMES } from "./odd-names.ts";
import { requirePeer, Workshop } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { setTimes } from "./set-times.ts";

let workshop: Workshop;
beforeEach(() => {
  workshop = new Workshop();
});
afterEach(() => workshop.close());

describe("makeRandomTree()", () => {
  test("gives the same tree for the same seed and another for another", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => workshop.path(name)) as [
      string,
      string,
      string,
    ];

    makeRandomTree(a, { seed: 1, size: 2e6 });
    makeRandomTree(b, { seed: 1, size: 2e6 });
    makeRandomTree(c, { seed: 2, size: 2e6 });

    expect(compareTrees(a, b)).toEqual([]);
    expect(compareTrees(a, c).length).toBeGreaterThan(100);
  });

  test("holds each odd name, times before 1970 and nanoseconds", () => {
    makeRandomTree(workshop.path("a"), { seed: 3, size: 1e6 });

    const tree = describeTree(workshop.path("a"));

    for (const name of ODD_NAMES) expect(tree.has(`many/${name}`)).toBe(true);
    const lines = [...tree.values()].join("\n");
    expect(lines).toMatch(/mtime -1000000000000000001 /);
    expect(lines).toMatch(/mtime 1700000000123456789 /);
    expect(lines).toMatch(/same file as/);
  });
});

/** An edit leaves the present as the time of a file or folder, so only the rest can be equal. */
function withoutTimes(path: string): string[] {
  return Array.from(describeTree(path), ([name, line]) => name + line.replace(/mtime \S+/, ""));
}

describe("mutateTree()", () => {
  test("changes equal trees equally but for the time of an edit", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => workshop.path(name)) as [
      string,
      string,
      string,
    ];
    for (const folder of [a, b, c]) makeRandomTree(folder, { seed: 4, size: 1e6 });

    mutateTree(a, { seed: 5, changes: 60 });
    mutateTree(b, { seed: 5, changes: 60 });

    expect(withoutTimes(a)).toEqual(withoutTimes(b));
    expect(compareTrees(a, c).length).toBeGreaterThan(20);
  });
});

describe.skipIf(!requirePeer("rsync"))("compareTrees()", () => {
  const changes: Record<string, (path: string) => void> = {
    "one byte": (path) => {
      const { mtimeNs } = fs.lstatSync(`${path}/size-4096`, { bigint: true });
      const content = fs.readFileSync(`${path}/size-4096`);
      content[17] = (content[17] ?? 0) ^ 1;
      fs.writeFileSync(`${path}/size-4096`, content);
      setTimes(new Map([[`${path}/size-4096`, mtimeNs]]));
    },
    "one nanosecond": (path) => {
      const { mtimeNs } = fs.lstatSync(`${path}/size-4096`, { bigint: true });
      setTimes(new Map([[`${path}/size-4096`, mtimeNs + 1n]]));
    },
    "a mode": (path) => fs.chmodSync(`${path}/size-64`, 0o1234),
    "an owner": (path) => fs.lchownSync(`${path}/link-0`, 4242, 4242),
    "a link target": (path) => {
      fs.unlinkSync(`${path}/link-1`);
      fs.symlinkSync("other", `${path}/link-1`);
    },
    "a missing file": (path) => fs.unlinkSync(`${path}/size-65`),
    "an extra file": (path) => fs.writeFileSync(`${path}/extra`, ""),
    "a hard link that became a copy": (path) => {
      fs.cpSync(`${path}/same`, `${path}/copy`, { preserveTimestamps: true });
      fs.renameSync(`${path}/copy`, `${path}/same`);
    },
  };

  test.skipIf(process.getuid?.() !== 0).each(Object.keys(changes))("sees %s", (name) => {
    const [a, b] = [workshop.path("a"), workshop.path("b")];
    makeRandomTree(a, { seed: 6, size: 1e6, files: 5 });
    makeRandomTree(b, { seed: 6, size: 1e6, files: 5 });

    changes[name]?.(b);

    expect(compareTrees(a, b).length).toBeGreaterThan(0);
  });
});
