/**
 * How long it takes to open an index of a million blobs, and what it needs in memory.
 *
 * @module
 */
import { randomFillSync } from "node:crypto";
import { openBackend } from "@tsbak/backends";
import { createRepository, openRepository } from "@tsbak/core";
import { encodeIndex } from "../packages/core/src/format/index-file.ts";
import type { PackEntry } from "../packages/core/src/format/pack-header.ts";
import { Workshop } from "../test/peers.ts";
import { measure, type Cost } from "./measure.ts";

/** As restic fills its index files and packs. */
const BLOBS_PER_INDEX = 50_000;
const BLOBS_PER_PACK = 16;
const PASSWORD = "correct horse";

export interface MillionBlobsResult {
  /** To load the index of a repository that is open: the least of three. */
  readonly loadSeconds: number;
  readonly bytesPerBlob: number;
  /** Restic's `stats` of the same repository, whose only work is to derive a key and load the index. */
  readonly restic: Cost | undefined;
}

export async function measureMillionBlobs(
  workFolder: string,
  blobs: number,
  withRestic: boolean,
): Promise<MillionBlobsResult> {
  const workshop = new Workshop(workFolder);
  try {
    const folder = workshop.path("repository");
    await makeIndex(folder, blobs);
    const loads = [await loadOnce(folder), await loadOnce(folder), await loadOnce(folder)];
    const repository = { workshop, folder };
    return {
      loadSeconds: Math.min(...loads.map(({ seconds }) => seconds)),
      bytesPerBlob: (loads[0]?.memory ?? 0) / blobs,
      restic: withRestic
        ? measure(repository, { title: "restic", tool: "restic" }, ["stats"])
        : undefined,
    };
  } finally {
    workshop.close();
  }
}

async function makeIndex(folder: string, blobs: number): Promise<void> {
  const repository = await createRepository(await openBackend(folder), { password: PASSWORD });
  for (let done = 0; done < blobs; done += BLOBS_PER_INDEX) {
    const packs = Array.from({ length: BLOBS_PER_INDEX / BLOBS_PER_PACK }, () => ({
      id: randomFillSync(new Uint8Array(32)),
      entries: Array.from({ length: BLOBS_PER_PACK }, (_, n) => makeEntry(n)),
    }));
    await repository.saveFile("index", encodeIndex(packs));
  }
}

function makeEntry(n: number): PackEntry {
  const id = randomFillSync(new Uint8Array(32));
  return {
    type: "data",
    id,
    offset: n * 1_000_000,
    length: 1_000_000,
    uncompressedLength: 2_000_000,
  };
}

async function loadOnce(folder: string): Promise<{ seconds: number; memory: number }> {
  const repository = await openRepository(await openBackend(folder), { password: PASSWORD });
  const started = performance.now();
  const index = await repository.loadIndex();
  return { seconds: (performance.now() - started) / 1000, memory: index.memorySize };
}
