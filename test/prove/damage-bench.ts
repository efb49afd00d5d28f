import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import {
  backup,
  createRepository,
  openRepository,
  type OpenOptions,
  type Repository,
} from "@tsbak/core";
import { BRISK_CLOCK, createQuickly, TestingRepository } from "@tsbak/core/testing";
import { describeTree } from "../compare-trees.ts";
import type { Workshop } from "../peers.ts";
import { Random } from "../random.ts";

const PASSWORD = "correct horse";
/** How it is opened: nobody else is there, so locks need not settle. */
export const ALONE: OpenOptions = { password: PASSWORD, locking: { clock: BRISK_CLOCK } };
export const SNAPSHOTS = 3;

type IndexedPack = Parameters<TestingRepository["addIndex"]>[0][number] & { readonly id: string };

/** What is where in the whole repository. */
export interface DamageFacts {
  readonly packs: readonly [IndexedPack, ...IndexedPack[]];
  /** The packs and the index file of the first backup, which all snapshots need. */
  readonly oldData: string;
  readonly oldTrees: string;
  readonly oldIndex: string;
  readonly newIndex: string;
  readonly snapshot: string;
  readonly otherSnapshot: string;
  readonly key: string;
  readonly otherKey: string;
  /** Trees of the sources as they were, by the ids of their snapshots. */
  readonly expected: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Times of the snapshots, by their ids. */
  readonly times: ReadonlyMap<string, string>;
}

/** A repository to be damaged: files below a folder, changed as no backup program would. */
export class DamageBench {
  readonly folder: string;
  readonly facts: DamageFacts;

  constructor(folder: string, facts: DamageFacts) {
    this.folder = folder;
    this.facts = facts;
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  remove(kind: string, name: string): void {
    fs.rmSync(this.#file(kind, name));
  }

  removeAll(kind: string): void {
    for (const name of fs.readdirSync(this.path(kind))) fs.rmSync(this.path(kind, name));
  }

  flip(kind: string, name: string, share: number): void {
    this.#flip(this.#file(kind, name), (size) => Math.floor(size * share));
  }

  /** The byte at so many from the end. */
  flipEnd(kind: string, name: string, from: number): void {
    this.#flip(this.#file(kind, name), (size) => size - from);
  }

  /** A digit of its base64, so that it stays a key file. */
  flipKey(name: string): void {
    this.#change(this.path("keys", name), (bytes) => {
      const at = bytes.indexOf('"data":"') + 40;
      bytes[at] = bytes[at] === 65 ? 66 : 65;
      return bytes;
    });
  }

  flipFile(name: string, share: number): void {
    this.#flip(this.path(name), (size) => Math.floor(size * share));
  }

  /** Leave a share of the file, or all but so many bytes. */
  cut(kind: string, name: string, share: number): void {
    this.#change(this.#file(kind, name), (bytes) =>
      bytes.subarray(0, share < 0 ? bytes.length + share : Math.floor(bytes.length * share)),
    );
  }

  append(kind: string, name: string): void {
    this.#change(this.#file(kind, name), (bytes) => Buffer.concat([bytes, Buffer.alloc(100, 1)]));
  }

  swap(kind: string, a: string, b: string): void {
    const [first, second] = [this.#file(kind, a), this.#file(kind, b)];
    const bytes = fs.readFileSync(first);
    this.write(kind, a, fs.readFileSync(second));
    this.write(kind, b, bytes);
  }

  rename(kind: string, from: string, to: string): void {
    this.copy(kind, from, to);
    this.remove(kind, from);
  }

  copy(kind: string, from: string, to: string): void {
    this.write(kind, to, fs.readFileSync(this.#file(kind, from)));
  }

  write(kind: string, name: string, bytes: Uint8Array): void {
    const path = this.#file(kind, name);
    fs.mkdirSync(join(path, ".."), { recursive: true });
    fs.rmSync(path, { force: true });
    fs.writeFileSync(path, bytes);
  }

  async addIndex(packs: readonly IndexedPack[]): Promise<void> {
    await new TestingRepository(await this.open()).addIndex(packs);
  }

  async addSnapshot(tree: string): Promise<void> {
    await new TestingRepository(await this.open()).addSnapshot(tree);
  }

  /** Without its last blob. */
  half(pack: IndexedPack): IndexedPack {
    return { ...pack, entries: pack.entries.slice(0, -1) };
  }

  /** With other ids. */
  renumbered(pack: IndexedPack): IndexedPack {
    const wrong = (id: Uint8Array): Uint8Array => id.map((byte) => byte ^ 0xff);
    return { ...pack, entries: pack.entries.map((entry) => ({ ...entry, id: wrong(entry.id) })) };
  }

  async open(): Promise<Repository> {
    return openRepository(await openBackend(this.folder), ALONE);
  }

  #file(kind: string, name: string): string {
    return kind === "data" ? this.path(kind, name.slice(0, 2), name) : this.path(kind, name);
  }

  #flip(path: string, place: (size: number) => number): void {
    this.#change(path, (bytes) => {
      const at = place(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return bytes;
    });
  }

  #change(path: string, change: (bytes: Buffer) => Uint8Array): void {
    const bytes = change(fs.readFileSync(path));
    fs.rmSync(path);
    fs.writeFileSync(path, bytes);
  }
}

/** A repository of three snapshots, each with more files than the one before, and what is in it. */
export async function buildRepository(
  workshop: Workshop,
  size: number,
): Promise<{ bench: DamageBench; source: string; other: string }> {
  const folder = workshop.path("whole");
  const source = workshop.path("source");
  const other = workshop.path("other");
  const created = await createQuickly(await openBackend(folder), { password: PASSWORD });
  const key = created.keyId;
  const options = { password: PASSWORD, chunkerOf: created };
  const sibling = await createRepository(await openBackend(other), options);
  await openFast(sibling);
  const cacheDirectory = workshop.path("cache");
  const expected = new Map<string, ReadonlyMap<string, string>>();
  const random = new Random("damage");
  const times = new Map<string, string>();
  const names: string[] = [];
  let facts: Pick<DamageFacts, "oldData" | "oldTrees" | "oldIndex"> | undefined;
  for (let round = 0; round < SNAPSHOTS; round++) {
    for (const name of ["a", "sub/b", "sub/deep/c"]) {
      const path = join(source, `${name}-${round}`);
      fs.mkdirSync(join(path, ".."), { recursive: true });
      fs.writeFileSync(path, random.bytes(Math.ceil(size / 9)));
    }
    const repository = await openRepository(await openBackend(folder), {
      ...ALONE,
      cacheDirectory,
    });
    const { snapshot } = await backup(repository, [source]);
    await backup(sibling, [source]);
    names.push(snapshot?.id ?? "");
    times.set(snapshot?.id ?? "", snapshot?.snapshot.time ?? "");
    expected.set(snapshot?.id ?? "", describeTree(source));
    facts ??= await firstFacts(repository);
  }
  const ours = await openRepository(await openBackend(folder), ALONE);
  const otherKey = await new TestingRepository(ours).addPassword("another password");
  if (facts === undefined) throw new Error("There was no backup");
  const newIndex = (await ours.listNames("index")).find((name) => name !== facts.oldIndex) ?? "";
  const packs = await indexedPacks(ours);
  const [snapshot = "", otherSnapshot = ""] = names;
  const all = {
    ...facts,
    packs,
    newIndex,
    snapshot,
    otherSnapshot,
    key,
    otherKey,
    expected,
    times,
  };
  return { bench: new DamageBench(folder, all), source, other };
}

/** Put a key in place of the first one that takes no time to open; there are hundreds of cases. */
async function openFast(repository: Repository): Promise<string> {
  const name = await new TestingRepository(repository).addPassword(PASSWORD);
  await repository.backend.remove({ kind: "key", name: repository.keyId });
  return name;
}

async function firstFacts(
  repository: Repository,
): Promise<Pick<DamageFacts, "oldData" | "oldTrees" | "oldIndex">> {
  const packs = await indexedPacks(repository);
  const packOf = (type: string): string =>
    packs.find(({ entries }) => entries[0]?.type === type)?.id ?? "";
  const [oldIndex = ""] = await repository.listNames("index");
  return { oldData: packOf("data"), oldTrees: packOf("tree"), oldIndex };
}

async function indexedPacks(repository: Repository): Promise<[IndexedPack, ...IndexedPack[]]> {
  repository.dropIndex();
  const index = await repository.loadIndex();
  const packs = new Map<string, IndexedPack & { entries: IndexedPack["entries"][number][] }>();
  index.forEach(({ packNumber, id, ...place }) => {
    const name = index.packs[packNumber] ?? "";
    const pack = packs.get(name) ?? { id: name, entries: [] };
    packs.set(name, pack);
    pack.entries.push({ ...place, id: Buffer.from(id, "hex") });
  });
  const [first, ...rest] = [...packs.values()];
  if (first === undefined) throw new Error("There is no pack");
  return [first, ...rest];
}
