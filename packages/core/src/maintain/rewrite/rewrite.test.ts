import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import { decodeTree, EMPTY_TREE, encodeTree } from "../../format/tree.ts";
import { compilePatterns } from "../../fs/filter.ts";
import { Repository } from "../../repository/repository.ts";
import { listSnapshots, type SnapshotEntry } from "../../repository/snapshots.ts";
import { listTrash } from "../../repository/trash.ts";
import { FaultyBackend } from "../../testing/faulty-backend.ts";
import {
  createSample,
  directoryNode,
  fileNode,
  type Sample,
} from "../../testing/sample-repository.ts";
import { verify } from "../verify/verify.ts";
import { newestForms } from "../forget/newest-forms.ts";
import { undeleteSnapshot } from "../forget/undelete.ts";
import { recover } from "./recover.ts";
import { repairSnapshots } from "./repair-snapshots.ts";
import type { RepairFinding } from "./repair-rules.ts";
import { rewriteSnapshots } from "./rewrite-snapshots.ts";
import { tagSnapshots } from "./tag-snapshots.ts";

let sample: Sample;
beforeEach(async () => {
  sample = await createSample();
});

/** The repository as the next process finds it. */
function reopened(): Repository {
  return new Repository(sample.testing.repository);
}

async function snapshots(repository = reopened()): Promise<SnapshotEntry[]> {
  return listSnapshots(repository);
}

/** The paths of all files of a tree. */
async function filesOf(repository: Repository, tree: string, path = ""): Promise<string[]> {
  const files: string[] = [];
  for (const node of decodeTree(await repository.loadBlob("tree", tree))) {
    const name = `${path}/${Buffer.from(node.name).toString()}`;
    if (node.subtree === undefined) files.push(name);
    else files.push(...(await filesOf(repository, node.subtree, name)));
  }
  return files;
}

async function errorsOf(repository: Repository): Promise<unknown[]> {
  const options = { readData: true, noLock: true, threads: 1 };
  const { errors } = await verify(repository, options);
  return errors.map(({ message }) => message);
}

describe("rewriteSnapshots()", () => {
  test("leaves out what is excluded and counts what is left", async () => {
    const exclude = [compilePatterns(["/sub/two"])];

    const changes = await rewriteSnapshots(reopened(), await snapshots(), { exclude });

    const all = await snapshots();
    const made = all.find(({ id }) => id === changes[0]?.saved?.id);
    expect(all).toHaveLength(2);
    expect(made?.snapshot).toMatchObject({ original: sample.snapshot, tags: ["rewrite"] });
    expect(made?.snapshot.summary).toMatchObject({ totalFilesProcessed: 2 });
    expect(await filesOf(reopened(), made?.snapshot.tree ?? "")).toEqual(["/one", "/sub/three"]);
    expect(await errorsOf(reopened())).toEqual([]);
  });

  test("keeps unknown fields of entries, and refuses a tree in a form that is not restic's", async () => {
    const { testing } = sample;
    const odd = { ...fileNode("odd", []), extra: { label: "kept" } };
    const good = encodeTree([odd, fileNode("out", [])]);
    const bad = Buffer.from(Buffer.from(good).toString().replace('"type"', ' "type"'));
    const twice = Buffer.from('{"nodes":[],"nodes":[]}\n');
    const trees = [good, bad, twice].map((plain) => ({ type: "tree" as const, plain }));
    await testing.addIndex([await testing.addPack(trees)]);
    const exclude = [compilePatterns(["out"])];
    const rewrite = async (tree: Uint8Array): Promise<unknown> => {
      const id = await testing.addSnapshot(sha256Hex(tree), "odd");
      const old = (await snapshots()).filter((entry) => entry.id === id);
      return rewriteSnapshots(reopened(), old, { exclude });
    };

    await rewrite(good);
    const made = (await snapshots()).find(({ snapshot }) => snapshot.tags.includes("rewrite"));
    const text = await reopened().loadBlob("tree", made?.snapshot.tree ?? "");
    expect(Buffer.from(text).equals(encodeTree([odd]))).toBe(true);
    const before = (await snapshots()).length;
    for (const tree of [bad, twice]) await expect(rewrite(tree)).rejects.toThrow(/without loss/);
    expect(await snapshots()).toHaveLength(before + 2);
  });

  test("writes nothing if one of the snapshots cannot be rewritten", async () => {
    const { testing } = sample;
    await testing.addSnapshot("7".repeat(64), "broken");
    const written = new FaultyBackend(testing.backend);
    const repository = new Repository({ ...testing.repository, backend: written });

    const rewriting = rewriteSnapshots(repository, await snapshots(), {
      exclude: [compilePatterns(["one"])],
      forget: true,
    });

    await expect(rewriting).rejects.toSatisfy((error) => isTsbakError(error, "not-found"));
    expect(written.mutations).toBe(0);
  });
});

describe("tagSnapshots()", () => {
  test("never takes a snapshot for the one that is to replace it", async () => {
    // Two snapshots that say the same, and a wish that changes nothing about them.
    const { testing } = sample;
    await tagSnapshots(reopened(), await snapshots(), { set: ["a"] });
    const [entry] = await snapshots();
    await testing.repository.saveFile(
      "snapshot",
      await testing.repository.loadFile("snapshot", entry?.id ?? ""),
    );

    await tagSnapshots(reopened(), await snapshots(), { set: ["a"] });

    const left = await snapshots();
    expect(left.length).toBeGreaterThan(0);
    expect(left[0]?.snapshot).toEqual(entry?.snapshot);
  });
});

describe("repairSnapshots()", () => {
  test("cuts out contents and folders that are lost, and keeps the rest", async () => {
    const { testing, blobs } = sample;
    const lost = encodeTree([fileNode("gone", [])]);
    const half = fileNode("half", [blobs.first, randomBytes(10)]);
    const root = encodeTree([half, directoryNode("lost", lost), directoryNode("sub", EMPTY_TREE)]);
    const pack = await testing.addPack(
      [root, EMPTY_TREE].map((plain) => ({ type: "tree", plain })),
    );
    await testing.addIndex([pack]);
    const id = await testing.addSnapshot(sha256Hex(root), "damaged");
    const findings: RepairFinding[] = [];

    const { changes, lost: without } = await repairSnapshots(reopened(), await snapshots(), {
      forget: true,
      onFinding: (finding) => findings.push(finding),
    });

    expect(findings.map(({ kind, path }) => `${kind} ${Buffer.from(path).toString()}`)).toEqual([
      "wrong-size /one",
      "wrong-size /sub/three",
      "wrong-size /sub/two",
      "missing-content /half",
      "lost-folder /lost",
    ]);
    expect(without).toEqual([]);
    const made = changes.find(({ old }) => old.id === id)?.saved?.snapshot;
    expect(made).toMatchObject({ original: id, tags: [] });
    const nodes = decodeTree(await reopened().loadBlob("tree", made?.tree ?? ""));
    expect(nodes[0]).toMatchObject({ size: 1000, content: [sample.ids.first] });
    expect(nodes[1]).toMatchObject({ subtree: sha256Hex(EMPTY_TREE) });
    expect(await errorsOf(reopened())).toEqual([]);
  });

  test("stores an empty folder again if the one that the index knows is damaged", async () => {
    const { testing } = sample;
    const root = encodeTree([directoryNode("empty", EMPTY_TREE)]);
    const damaged = await testing.addPack([{ type: "tree", plain: EMPTY_TREE }]);
    await testing.addIndex([damaged, await testing.addPack([{ type: "tree", plain: root }])]);
    await testing.addSnapshot(sha256Hex(root), "damaged");
    await testing.flip("pack", damaged.id, 20);

    await repairSnapshots(reopened(), await snapshots(), { forget: true });

    expect(Buffer.from(await reopened().loadBlob("tree", sha256Hex(EMPTY_TREE)))).toEqual(
      Buffer.from(EMPTY_TREE),
    );
  });

  test("leaves a snapshot without a root alone unless it is to be removed", async () => {
    await sample.testing.addSnapshot("7".repeat(64), "broken");
    const broken = (await snapshots()).filter(({ snapshot }) => snapshot.hostname === "broken");

    const kept = await repairSnapshots(reopened(), broken);
    expect(kept).toMatchObject({ changes: [], lost: broken });
    expect(await snapshots()).toHaveLength(2);

    const removed = await repairSnapshots(reopened(), broken, { forget: true });
    expect(removed.changes).toMatchObject([{ saved: undefined, isRemoved: true }]);
    expect(await snapshots()).toHaveLength(1);
  });

  test("refuses while packs of the index are missing, and takes no outage for a loss", async () => {
    const { testing, packs } = sample;
    const faulty = new FaultyBackend(testing.backend);
    faulty.on({ method: "read", kind: "pack" }, { type: "fail", error: "unavailable" });
    const outage = new Repository({ ...testing.repository, backend: faulty });
    const all = await snapshots();
    await expect(repairSnapshots(outage, all, { forget: true })).rejects.toThrow("unavailable");
    expect(faulty.mutations).toBe(0);

    await testing.backend.remove({ kind: "pack", name: packs[1].id });
    await expect(repairSnapshots(reopened(), all)).rejects.toThrow(/1 pack that is not there/);
  });
});

describe("recover()", () => {
  test("finds the roots of forgotten snapshots, also in packs that no index names", async () => {
    const { testing } = sample;
    const other = encodeTree([fileNode("other", [sample.blobs.last])]);
    const lacking = encodeTree([fileNode("lacking", [randomBytes(4)])]);
    await testing.addPack([other, lacking].map((plain) => ({ type: "tree", plain })));
    await testing.backend.remove({ kind: "snapshot", name: sample.snapshot });

    const found = await recover(reopened());

    expect([...found.roots].sort()).toEqual(
      [sample.root, sha256Hex(other), sha256Hex(lacking)].sort(),
    );
    expect(found).toMatchObject({ newPacks: 1, incomplete: 1 });
    const [entry] = await snapshots();
    expect(entry?.snapshot).toMatchObject({ paths: ["/recover"], tags: ["recovered"] });
    expect(await filesOf(reopened(), entry?.snapshot.tree ?? "")).toContain(
      `/${sample.root.slice(0, 8)}/sub/two`,
    );
    expect(await recover(reopened())).toMatchObject({ roots: [], snapshot: undefined });
  });

  test("leaves out a tree that cannot be read", async () => {
    const { testing, packs } = sample;
    await testing.backend.remove({ kind: "snapshot", name: sample.snapshot });
    await testing.flip("pack", packs[2].id, 10);

    const { roots } = await recover(reopened());

    // The root itself is damaged, the folder in it is not.
    expect(roots).toEqual([sample.ids.sub]);
  });
});

describe("what was replaced", () => {
  test("can be brought back, beside what took its place", async () => {
    const { repository } = sample.testing;
    const [changed] = await tagSnapshots(repository, await snapshots(), { add: ["x"] });

    const [entry] = await listTrash(repository);
    expect(entry?.id).toBe(sample.snapshot);
    expect(newestForms([entry!], await snapshots())).toEqual([]);
    await undeleteSnapshot(repository, entry!);

    expect(new Set((await snapshots()).map(({ id }) => id))).toEqual(
      new Set([sample.snapshot, changed?.saved?.id]),
    );
  });

  test("is gone without a grace", async () => {
    const { repository } = sample.testing;

    await tagSnapshots(repository, await snapshots(), { add: ["x"], graceMs: 0 });

    expect(await listTrash(repository)).toEqual([]);
  });

  test("stays where no copy of it can be kept", async () => {
    const { repository, backend } = sample.testing;
    const faulty = new FaultyBackend(backend);
    faulty.on({ method: "write", kind: "trash" }, { type: "fail", error: "no-space" });
    const failing = new Repository({ ...repository, backend: faulty });

    const tagging = tagSnapshots(failing, await snapshots(), { add: ["x"] });

    await expect(tagging).rejects.toMatchObject({ code: "no-space" });
    expect((await snapshots()).map(({ id }) => id)).toContain(sample.snapshot);
  });
});

describe("killed before or after any write", () => {
  type Operation = (repository: Repository) => Promise<unknown>;
  const operations: readonly [string, Operation][] = [
    ["tag", async (repo) => tagSnapshots(repo, await snapshots(repo), { add: ["x"] })],
    [
      "rewrite",
      async (repo) =>
        rewriteSnapshots(repo, await snapshots(repo), {
          exclude: [compilePatterns(["three"])],
          forget: true,
        }),
    ],
    ["repair", async (repo) => repairSnapshots(repo, await snapshots(repo), { forget: true })],
    ["recover", (repo) => recover(repo)],
  ];

  test.each(operations)(
    "%s leaves everything whole, and ends when it is run again",
    async (name, run) => {
      let crashes = 0;
      for (const applied of [false, true]) {
        for (let nth = 1, more = true; more; nth++) {
          sample = await createSample();
          const { testing } = sample;
          const host = "second";
          await testing.addSnapshot(sample.ids.sub, host);
          if (name === "recover")
            await testing.backend.remove({ kind: "snapshot", name: sample.snapshot });
          const before = await snapshots();
          const backend = new FaultyBackend(testing.backend);
          const crashing = new Repository({ ...testing.repository, backend });
          backend.crashAt(nth, { applied });
          await run(crashing).catch(() => undefined);
          more = backend.crashed;
          if (more) crashes++;

          expect(await errorsOf(reopened())).toEqual([]);
          expectAll(before, await snapshots());
          await run(reopened());
          expect(await errorsOf(reopened())).toEqual([]);
          const after = await snapshots();
          expectAll(before, after);
          // What was interrupted is not done twice.
          expect(after).toHaveLength(name === "recover" ? 2 : before.length);
        }
      }
      expect(crashes).toBeGreaterThan(name === "recover" ? 5 : 7);
    },
  );

  /** Each snapshot is there, or one that was made from it. */
  function expectAll(before: readonly SnapshotEntry[], after: readonly SnapshotEntry[]): void {
    for (const { id } of before)
      expect(after.some((entry) => entry.id === id || entry.snapshot.original === id)).toBe(true);
  }
});
