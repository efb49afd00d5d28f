import { createHash } from "node:crypto";
import { openBackend } from "@tsbak/backends";
import { createQuickly, TestingRepository, type PlainBlob } from "@tsbak/core/testing";

/** Fields of a node as restic names them; what is undefined is left out. */
export type ForgedFields = Readonly<Record<string, unknown>>;

const TIME = "2020-02-02T02:02:02.020202020Z";
/** A pack of a hundred thousand blobs is no less odd than one of two. */
const BLOBS_IN_PACK = 50_000;

/** A repository on the disk that holds whatever trees one wants, well sealed. Nothing is written before `finish`. */
export class ForgedRepository {
  readonly #testing: TestingRepository;
  readonly #blobs = new Map<string, PlainBlob>();

  private constructor(testing: TestingRepository) {
    this.#testing = testing;
  }

  static async create(folder: string, password: string): Promise<ForgedRepository> {
    const repository = await createQuickly(await openBackend(folder), { password });
    return new ForgedRepository(new TestingRepository(repository));
  }

  /** Take in a data blob and give its id. */
  data(text: string): string {
    return this.#add("data", text);
  }

  /** Take in a tree of these nodes, in whatever order, and give its id. */
  tree(...nodes: readonly string[]): string {
    return this.treeOf(nodes);
  }

  /** The same for more nodes than a call can have. */
  treeOf(nodes: readonly string[]): string {
    return this.#add("tree", `{"nodes":[${nodes.join(",")}]}\n`);
  }

  /** Write all blobs, and a snapshot of each tree that is named; gives the ids of the snapshots under the same names. */
  async finish<Name extends string>(
    trees: Readonly<Record<Name, string>>,
  ): Promise<Record<Name, string>> {
    const blobs = [...this.#blobs.values()];
    for (const type of ["data", "tree"] as const) {
      const own = blobs.filter((blob) => blob.type === type);
      for (let at = 0; at < own.length; at += BLOBS_IN_PACK) {
        const pack = await this.#testing.addPack(own.slice(at, at + BLOBS_IN_PACK));
        await this.#testing.addIndex([pack]);
      }
    }
    const snapshots: [string, string][] = [];
    for (const [name, tree] of Object.entries<string>(trees)) {
      snapshots.push([name, await this.#testing.addSnapshot(tree, name)]);
    }
    return Object.fromEntries(snapshots) as Record<Name, string>;
  }

  #add(type: PlainBlob["type"], text: string): string {
    const plain = Buffer.from(text);
    const id = createHash("sha256").update(plain).digest("hex");
    this.#blobs.set(`${type} ${id}`, { type, plain });
    return id;
  }
}

/** The text of a node. `name` is as the format quotes it: a NUL is `\x00`, with the backslash. */
export function forgeNode(name: string, type: string, fields: ForgedFields = {}): string {
  const plain = { mtime: TIME, atime: TIME, ctime: TIME, uid: 0, gid: 0 };
  const mode = type === "dir" ? 2 ** 31 + 0o755 : 0o644;
  return JSON.stringify({ name, type, mode, ...plain, content: null, ...fields });
}

/** A file of these data blobs. */
export function forgeFile(
  name: string,
  size: number,
  content: readonly string[],
  fields: ForgedFields = {},
): string {
  return forgeNode(name, "file", { size, links: 1, ...fields, content });
}

/** A directory of this tree. */
export function forgeDirectory(name: string, subtree: string, fields: ForgedFields = {}): string {
  return forgeNode(name, "dir", { ...fields, subtree });
}

/** A symlink to this path. */
export function forgeLink(name: string, linktarget: string, fields: ForgedFields = {}): string {
  return forgeNode(name, "symlink", { mode: 2 ** 27 + 0o777, linktarget, ...fields });
}
