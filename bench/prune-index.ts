/**
 * How long it takes to plan a prune with an index of millions of blobs, and what it needs in memory.
 *
 * @module
 */
import { randomFillSync } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { openBackend } from "@tsbak/backends";
import { createRepository } from "@tsbak/core";
import { toHex } from "../packages/core/src/bytes/hex.ts";
import { sha256Hex } from "../packages/core/src/crypto/sha256.ts";
import { encodeIndex } from "../packages/core/src/format/index-file.ts";
import { packHeaderSize, type PackEntry } from "../packages/core/src/format/pack-header.ts";
import type { Node } from "../packages/core/src/format/node.ts";
import { encodeTree } from "../packages/core/src/format/tree.ts";
import {
  directoryNode,
  fileNode,
  TestingRepository,
} from "../packages/core/src/testing/sample-repository.ts";
import { Workshop } from "../test/peers.ts";
import { measure, type Contestant, type Cost } from "./measure.ts";

/** As restic fills its index files. */
const BLOBS_PER_INDEX = 50_000;
/** Small files: a pack of 16 MB holds many. */
const BLOBS_PER_PACK = 1000;
const BLOB_SIZE = 16_000;
/** Of each index file, in percent. */
const USED = 80;
const PASSWORD = "correct horse";

/** The plan of a prune (`--dry-run`) by each contestant, of the same repository. */
export async function measurePruneIndex(
  workFolder: string,
  blobs: number,
  contestants: readonly Contestant[],
): Promise<{ readonly contestant: Contestant; readonly cost: Cost }[]> {
  const workshop = new Workshop(workFolder);
  try {
    const folder = workshop.path("repository");
    await makeRepository(folder, blobs);
    return contestants.map((contestant) => ({
      contestant,
      cost: measure({ workshop, folder }, contestant, ["prune", "--dry-run"]),
    }));
  } finally {
    workshop.close();
  }
}

/** Packs of data are holes of the right size, which nobody reads; the trees are real. */
async function makeRepository(folder: string, blobs: number): Promise<void> {
  const backend = await openBackend(folder);
  const testing = new TestingRepository(await createRepository(backend, { password: PASSWORD }));
  const folders: Node[] = [];
  const size =
    BLOBS_PER_PACK * BLOB_SIZE + packHeaderSize({ compressed: BLOBS_PER_PACK, uncompressed: 0 });
  for (let done = 0; done < blobs; done += BLOBS_PER_INDEX) {
    const packs = Array.from({ length: BLOBS_PER_INDEX / BLOBS_PER_PACK }, () => ({
      id: toHex(randomFillSync(new Uint8Array(32))),
      entries: Array.from({ length: BLOBS_PER_PACK }, (_, n) => makeEntry(n)),
    }));
    for (const { id } of packs) makeHole(join(folder, "data", id.slice(0, 2)), id, size);
    await testing.repository.saveFile("index", encodeIndex(packs));
    const ids = packs.flatMap(({ entries }) => entries.map((entry) => toHex(entry.id)));
    const content = ids.filter((_, n) => n % 100 < USED);
    const tree = encodeTree([{ ...fileNode("file", []), content }]);
    await testing.addIndex([await testing.addPack([{ type: "tree", plain: tree }])]);
    folders.push(directoryNode(`folder-${String(done).padStart(9, "0")}`, tree));
  }
  const root = encodeTree(folders);
  await testing.addIndex([await testing.addPack([{ type: "tree", plain: root }])]);
  await testing.addSnapshot(sha256Hex(root));
}

function makeHole(folder: string, name: string, size: number): void {
  fs.mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  fs.writeFileSync(path, "");
  fs.truncateSync(path, size);
}

function makeEntry(n: number): PackEntry {
  return {
    type: "data",
    id: randomFillSync(new Uint8Array(32)),
    offset: n * BLOB_SIZE,
    length: BLOB_SIZE,
    uncompressedLength: 2 * BLOB_SIZE,
  };
}
