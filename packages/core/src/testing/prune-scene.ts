import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import type { FileKind } from "../backend/backend.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { encodeTree } from "../format/tree.ts";
import { Repository } from "../repository/repository.ts";
import { FaultyBackend } from "./faulty-backend.ts";
import { fileNode, TestingRepository, type PlainBlob } from "./sample-repository.ts";
import { verify } from "../maintain/verify/verify.ts";
import { prune } from "../maintain/prune/prune.ts";
import type { PruneOptions, PruneReport } from "../maintain/prune/prune-options.ts";

/** Some data of its own. */
export const data: (size?: number) => PlainBlob = (size = 5000) => ({
  type: "data",
  plain: randomBytes(size),
});
/** The id of a blob. */
export const idOf: (blob: PlainBlob) => string = ({ plain }) => sha256Hex(plain);

/** A tree with one file for each blob of data. */
export function treeOf(...blobs: readonly PlainBlob[]): PlainBlob {
  const nodes = blobs.map((blob, n) =>
    fileNode(`file-${String(n).padStart(3, "0")}`, [blob.plain]),
  );
  return { type: "tree", plain: encodeTree(nodes) };
}

/** See `createScene`. */
export interface PruneScene {
  readonly testing: TestingRepository;
  readonly snapshot: string;
  /** Names, in the order of the description. */
  readonly packs: readonly string[];
  readonly used: Readonly<Record<"a" | "b" | "c" | "kept", PlainBlob>>;
  readonly unused: Readonly<Record<"d" | "e" | "forgotten", PlainBlob>>;
}

/**
 * A repository with the snapshot `kept`, and the blobs of one that was forgotten. The packs: all used, partly used, unused, trees of
 * which one is used; each in an index file of its own.
 */
export async function createScene(): Promise<PruneScene> {
  const testing = await TestingRepository.create();
  const [a, b, c, d, e] = [data(), data(), data(), data(), data()];
  const [kept, forgotten] = [treeOf(a, b, c), treeOf(d, e)];
  const blobs = [[a, b], [c, d], [e], [kept, forgotten]];
  const packs: string[] = [];
  for (const pack of blobs) {
    const indexed = await testing.addPack(pack);
    await testing.addIndex([indexed]);
    packs.push(indexed.id);
  }
  const snapshot = await testing.addSnapshot(idOf(kept));
  return { testing, snapshot, packs, used: { a, b, c, kept }, unused: { d, e, forgotten } };
}

/** Names of all files of a kind. */
export async function names({ backend }: Repository, kind: FileKind): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of backend.list(kind)) found.push(name);
  return found.sort();
}

/** Names of packs, index files, snapshots and locks. */
export async function allNames(repository: Repository): Promise<string[][]> {
  const kinds: FileKind[] = ["pack", "index", "snapshot", "lock"];
  return Promise.all(kinds.map((kind) => names(repository, kind)));
}

/** Nothing is wrong, and nothing could be better. */
export async function expectClean(repository: Repository): Promise<void> {
  repository.dropIndex();
  const report = await verify(repository, { readData: true, threads: 2 });
  expect(report.errors).toEqual([]);
  expect(report.hints).toEqual([]);
}

/** Ids of what the index lists. */
export async function blobIds(repository: Repository): Promise<string[]> {
  repository.dropIndex();
  const index = await repository.loadIndex();
  return Array.from({ length: index.size }, (_, entry) => index.idAt(entry)).sort();
}

/** Keep nothing that is not used. */
export const all: PruneOptions = { threads: 1, maxUnused: { bytes: 0 } };

/** Prune while the nth listing of a kind waits for `meanwhile`. */
export async function pruneAmid(
  { testing: { repository } }: PruneScene,
  listing: { kind: FileKind; nth: number },
  meanwhile: () => Promise<unknown>,
  options: PruneOptions = {},
): Promise<PruneReport> {
  const { config, masterKey, keyId, zstd, locking } = repository;
  let go = (): void => undefined;
  const until = new Promise<void>((resolve) => (go = resolve));
  const backend = new FaultyBackend(repository.backend);
  backend.on({ method: "list", ...listing }, { type: "delay", until });
  // The delay begins whenever the call comes; what happens meanwhile is begun by the phase before it.
  const onEvent: PruneOptions["onEvent"] = (event) => {
    if (event.kind === "phase" && event.phase === "check-again") void meanwhile().then(go);
  };
  const slow = new Repository({ backend, config, masterKey, keyId, zstd, locking });
  return prune(slow, { ...all, ...options, onEvent });
}
