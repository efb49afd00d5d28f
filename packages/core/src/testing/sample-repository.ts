import { randomBytes } from "node:crypto";
import type { Backend, FileKind } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { toHex } from "../bytes/hex.ts";
import { loadZstd, type Zstd } from "../compress/zstd.ts";
import { generateMasterKey } from "../crypto/master-key.ts";
import { deriveKey } from "../crypto/scrypt.ts";
import { Sealer } from "../crypto/sealer.ts";
import { sha256, sha256Hex } from "../crypto/sha256.ts";
import { encodeIndex, type IndexedPack } from "../format/index-file.ts";
import { encodeKeyFile, encodeMasterKey } from "../format/key-file.ts";
import type { Node } from "../format/node.ts";
import { encodePackHeader, encodePackTrailer, type PackEntry } from "../format/pack-header.ts";
import { encodeTree } from "../format/tree.ts";
import { Repository } from "../repository/repository.ts";
import { saveSnapshot } from "../repository/snapshots.ts";
import { BRISK_CLOCK } from "./brisk-clock.ts";

const TIME = "2026-08-01T12:00:00.123456789+02:00";

/** A blob before it is stored. */
export interface PlainBlob {
  readonly type: "data" | "tree";
  readonly plain: Uint8Array;
}

/** A repository that is written file by file, so that each can be made wrong. For tests. */
export class TestingRepository {
  readonly backend: Backend;
  readonly repository: Repository;
  readonly #zstd: Zstd;
  readonly #sealer: Sealer;

  constructor(repository: Repository) {
    this.backend = repository.backend;
    this.repository = repository;
    this.#zstd = repository.zstd;
    this.#sealer = new Sealer(repository.masterKey);
  }

  /** One in memory unless another store is given, which nobody can open again: it has no key file. */
  static async create(backend: Backend = new MemoryBackend()): Promise<TestingRepository> {
    const config = {
      version: 2 as const,
      id: "1".repeat(64),
      chunkerPolynomial: "3da3358b4dc173",
      chunker: "rabin" as const,
      extra: {},
    };
    const masterKey = generateMasterKey();
    const locking = { clock: BRISK_CLOCK };
    const parts = { backend, config, masterKey, keyId: "2".repeat(64), zstd: await loadZstd() };
    return new TestingRepository(new Repository({ ...parts, locking }));
  }

  /** Writes a pack and returns what an index must say of it. */
  async addPack(blobs: readonly PlainBlob[]): Promise<IndexedPack & { readonly id: string }> {
    const entries: PackEntry[] = [];
    const parts: Uint8Array[] = [];
    let offset = 0;
    for (const { type, plain } of blobs) {
      const isCompressed = type === "tree";
      const sealed = this.#sealer.seal(isCompressed ? this.#zstd.compress(plain, 3) : plain);
      const uncompressedLength = isCompressed ? plain.length : 0;
      entries.push({ type, id: sha256(plain), offset, length: sealed.length, uncompressedLength });
      parts.push(sealed);
      offset += sealed.length;
    }
    const header = this.#sealer.seal(encodePackHeader(entries));
    const bytes = Buffer.concat([...parts, header, encodePackTrailer(header.length)]);
    const id = sha256Hex(bytes);
    await this.backend.write({ kind: "pack", name: id }, bytes);
    return { id, entries };
  }

  /** Writes an index file and returns its name. */
  addIndex(packs: readonly IndexedPack[]): Promise<string> {
    return this.repository.saveFile("index", encodeIndex(packs));
  }

  /** Writes a snapshot of a root tree and returns its id. */
  async addSnapshot(tree: string, hostname = "host"): Promise<string> {
    const who = { hostname, username: "user", uid: 0, gid: 0, programVersion: "test" };
    const what = { paths: ["/"], excludes: [], tags: [], extra: {} };
    return (await saveSnapshot(this.repository, { time: TIME, tree, ...who, ...what })).id;
  }

  /** Writes a key file for a password that nobody knows and returns its name. */
  async addKey(): Promise<string> {
    const kdf = { kdf: "scrypt" as const, N: 2, r: 8, p: 1, salt: randomBytes(64) };
    const owner = { created: TIME, username: "user", hostname: "host" };
    const bytes = encodeKeyFile({ ...owner, ...kdf, data: this.#sealer.seal(randomBytes(200)) });
    const name = sha256Hex(bytes);
    await this.backend.write({ kind: "key", name }, bytes);
    return name;
  }

  /** Writes a key file that opens with `password`, in no time, as anybody could who has the file. Returns its name. */
  async addPassword(password: string): Promise<string> {
    const kdf = { kdf: "scrypt" as const, N: 2, r: 8, p: 1, salt: randomBytes(64) };
    const owner = { created: TIME, username: "user", hostname: "host" };
    const sealer = new Sealer(await deriveKey(password, kdf.salt, kdf));
    const data = sealer.seal(encodeMasterKey(this.repository.masterKey));
    const bytes = encodeKeyFile({ ...owner, ...kdf, data });
    const name = sha256Hex(bytes);
    await this.backend.write({ kind: "key", name }, bytes);
    return name;
  }

  /** Replace a file by what `change` makes of it, whatever its name says then. */
  async change(
    kind: FileKind,
    name: string,
    change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array,
  ): Promise<void> {
    const bytes = await this.backend.read({ kind, name });
    await this.backend.remove({ kind, name });
    await this.backend.write({ kind, name }, change(bytes));
  }

  /** Flip one bit of the byte at `at`; negative counts from the end. */
  async flip(kind: FileKind, name: string, at: number): Promise<void> {
    await this.change(kind, name, (bytes) => {
      const index = at < 0 ? bytes.length + at : at;
      bytes[index] = (bytes[index] as number) ^ 4;
      return bytes;
    });
  }
}

/** The name of one file of a kind. */
export async function onlyName(repository: Repository, kind: FileKind): Promise<string> {
  const names = await repository.listNames(kind);
  if (names.length !== 1) throw new Error(`Assumed one ${kind} file, found ${names.length}`);
  return names[0] as string;
}

/** A file of a tree with these contents. */
export function fileNode(name: string, contents: readonly Uint8Array[]): Node {
  return { ...emptyNode(name), type: "file", content: contents.map((plain) => sha256Hex(plain)) };
}

/** A directory of a tree. */
export function directoryNode(name: string, tree: Uint8Array): Node {
  return { ...emptyNode(name), type: "dir", mode: 0o20000000755, subtree: sha256Hex(tree) };
}

function emptyNode(name: string): Node {
  return {
    name: Buffer.from(name),
    type: "file",
    mode: 0o644,
    mtime: TIME,
    atime: TIME,
    ctime: TIME,
    uid: 0,
    gid: 0,
    user: "",
    group: "",
    inode: 1n,
    deviceId: 1n,
    size: 0,
    links: 1,
    linkTarget: undefined,
    extendedAttributes: [],
    genericAttributes: undefined,
    device: 0n,
    content: null,
    subtree: undefined,
    error: "",
    extra: {},
  };
}

/** A repository with three packs (two of data), one index file, one snapshot and the key of another user. */
export async function createSample(backend?: Backend): Promise<Sample> {
  const testing = await TestingRepository.create(backend);
  const first = randomBytes(1000);
  const shared = randomBytes(3000);
  const last = randomBytes(500);
  const sub = encodeTree([fileNode("three", [last]), fileNode("two", [shared])]);
  const root = encodeTree([fileNode("one", [first, shared]), directoryNode("sub", sub)]);
  const data = (plain: Uint8Array): PlainBlob => ({ type: "data", plain });
  const tree = (plain: Uint8Array): PlainBlob => ({ type: "tree", plain });
  const packs = [
    await testing.addPack([data(first), data(shared)]),
    await testing.addPack([data(last)]),
    await testing.addPack([tree(root), tree(sub)]),
  ] as const;
  const index = await testing.addIndex(packs);
  const snapshot = await testing.addSnapshot(sha256Hex(root));
  const key = await testing.addKey();
  const ids = { first: sha256Hex(first), last: sha256Hex(last), sub: toHex(sha256(sub)) };
  return {
    testing,
    packs,
    index,
    snapshot,
    key,
    ids,
    root: sha256Hex(root),
    blobs: { first, last, shared },
  };
}

/** See `createSample`. The paths are `/one` (first, shared), `/sub/two` (shared) and `/sub/three` (last). */
export interface Sample {
  readonly testing: TestingRepository;
  /** Data (first, shared), data (last), trees (root, sub). */
  readonly packs: readonly [StoredPack, StoredPack, StoredPack];
  readonly index: string;
  readonly snapshot: string;
  readonly key: string;
  readonly root: string;
  readonly ids: { readonly first: string; readonly last: string; readonly sub: string };
  readonly blobs: {
    readonly first: Uint8Array;
    readonly last: Uint8Array;
    readonly shared: Uint8Array;
  };
}

type StoredPack = IndexedPack & { readonly id: string };
