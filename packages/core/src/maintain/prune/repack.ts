import type { CallOptions } from "../../backend/backend.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { fromHex } from "../../bytes/hex.ts";
import { BlobTransfer } from "../transfer/blob-transfer.ts";
import type { TransferJob } from "../transfer/pack-reader.ts";
import type { PackMap } from "../verify/pack-map.ts";
import type { BlobMarks } from "./blob-marks.ts";
import type { PrunePlan } from "./plan.ts";
import type { PruneOptions } from "./prune-options.ts";

/** What is to be repacked. */
export interface RepackScene {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly map: PackMap;
  readonly marks: BlobMarks;
  readonly plan: PrunePlan;
  /** True for a pack with trees, alone or among data. */
  readonly hasTrees: (pack: number) => boolean;
  readonly threads: number;
  /** False when no more packs are to be begun. */
  readonly mayGoOn: () => boolean;
  readonly onPack: (done: number) => void;
}

/** How it is called. */
export interface RepackCall extends CallOptions {
  /** Nothing is written before this resolves; packs are read and the first is filled meanwhile. */
  readonly mayWrite: Promise<void>;
}

/**
 * Move the used blobs of the packs that are to be repacked into new packs, and name these in new index files. Nothing is removed. Returns
 * the packs that are done with.
 *
 * @throws {TsbakError} `corrupt` or `not-found` if no copy of a blob is whole, `interrupted`. What was moved until then is indexed.
 */
export async function repackBlobs(
  scene: RepackScene,
  options: PruneOptions,
  call: RepackCall,
): Promise<ReadonlySet<number>> {
  const { repository, index, plan } = scene;
  const done = new Set<number>();
  if (plan.repack.length === 0) return done;
  const choice = new BlobChoice(scene);
  const transfer = new BlobTransfer(
    { repository, index },
    { repository },
    {
      ...call,
      packSize: options.packSize,
      compression: options.compression,
      extraVerify: options.extraVerify,
      recompress: options.repackUncompressed === true ? "all" : "tried",
      threads: scene.threads,
    },
  );
  const note = (pack: number): void => scene.onPack(done.add(pack).size);
  const run = (packs: readonly number[]): Promise<void> =>
    transfer.run(jobsOf(packs, choice, scene, note), ({ pack }) => note(pack));
  try {
    // One after the other, so that the packs of one type take the memory of the other's.
    await run(plan.repack.filter(scene.hasTrees));
    transfer.closePacks();
    await run(plan.repack.filter((pack) => !scene.hasTrees(pack)));
    await transfer.finish();
  } catch (error) {
    // No thread shall make another pack, which would be stored when the lock is gone.
    await transfer.close();
    await transfer.salvage();
    throw error;
  } finally {
    await transfer.close();
  }
  return done;
}

function* jobsOf(
  packs: readonly number[],
  choice: BlobChoice,
  scene: RepackScene,
  onEmpty: (pack: number) => void,
): Generator<TransferJob> {
  for (const pack of packs) {
    if (!scene.mayGoOn()) return;
    const entries = scene.map.entriesOf(pack).filter((entry) => choice.take(entry));
    if (entries.length > 0) yield { pack, entries };
    else onEmpty(pack);
  }
}

/** Chooses what must be moved: each used blob once, unless a pack that stays has it. */
class BlobChoice {
  readonly #index: BlobIndex;
  readonly #marks: BlobMarks;
  readonly #taken: Uint8Array;
  /** 1 for packs that do not stay. */
  readonly #goes: Uint8Array;

  constructor({ index, marks, plan }: RepackScene) {
    this.#index = index;
    this.#marks = marks;
    this.#taken = new Uint8Array(index.size);
    this.#goes = new Uint8Array(index.packs.length);
    for (const packs of [plan.remove, plan.repack, plan.forget]) {
      for (const pack of packs) this.#goes[pack] = 1;
    }
  }

  take(entry: number): boolean {
    const index = this.#index;
    const first = index.firstCopyOf(entry);
    if (!this.#marks.has(first) || this.#taken[first] === 1) return false;
    this.#taken[first] = 1;
    if (!index.isRepeatedAt(entry)) return true;
    const copies = index.findAll(
      index.isTreeAt(entry) ? "tree" : "data",
      fromHex(index.idAt(entry)),
    );
    return copies.every((copy) => this.#goes[index.packNumberAt(copy)] === 1);
  }
}
