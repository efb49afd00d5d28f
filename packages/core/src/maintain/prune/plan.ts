import type { CallOptions, FileInfo } from "../../backend/backend.ts";
import { TsbakError } from "../../errors.ts";
import type { BlobIndex } from "../../repository/blob-index.ts";
import type { Repository } from "../../repository/repository.ts";
import { PACK_KINDS, type PackTable } from "./pack-table.ts";
import type { PlanOptions, UnusedLimit } from "./prune-options.ts";
import { sumUp, type PruneStatistics } from "./statistics.ts";

/** Which packs go. Numbers are those of the index. */
export interface PrunePlan {
  /** Names of packs that no index lists. */
  readonly unreferenced: ReadonlySet<string>;
  /** Packs in which nothing is used. */
  readonly remove: ReadonlySet<number>;
  /** Packs whose used blobs are to be moved first, in the order in which they are worth it. */
  readonly repack: readonly number[];
  /** Packs that are missing, and not needed: only the index still lists them. */
  readonly forget: ReadonlySet<number>;
}

const LEAST_PACK_SIZE = 4 << 20;
/** So many small packs are worth repacking. */
const SMALL_PACKS = 10;
const DEFAULT_LIMIT: UnusedLimit = { share: 0.05 };
/** Names in an error message. */
const NAMED_PACKS = 5;

/** The index, what is used of it, and where to count. */
export interface PlanScene {
  readonly repository: Repository;
  readonly index: BlobIndex;
  readonly table: PackTable;
  readonly statistics: PruneStatistics;
  readonly onWarning: (message: string) => void;
}

/**
 * Decide what becomes of each pack, as restic does (restic's prune, sections 3 to 5 of its rules).
 *
 * @throws {TsbakError} `corrupt` if a pack that is needed is missing or has another size than the index says.
 */
export async function planPrune(
  scene: PlanScene,
  options: PlanOptions,
  call: CallOptions = {},
): Promise<PrunePlan> {
  const planner = new Planner(scene, options);
  for await (const file of scene.repository.backend.list("pack", call)) planner.add(file);
  return planner.finish();
}

interface Candidate {
  readonly pack: number;
  readonly mustCompress: boolean;
}

class Planner {
  readonly #scene: PlanScene;
  readonly #options: PlanOptions;
  readonly #targetSize: number;
  readonly #isPresent: Uint8Array;
  readonly #unreferenced = new Set<string>();
  readonly #remove = new Set<number>();
  readonly #candidates: Candidate[] = [];
  readonly #small: Candidate[] = [];

  constructor(scene: PlanScene, options: PlanOptions) {
    this.#scene = scene;
    this.#options = options;
    this.#isPresent = new Uint8Array(scene.table.length);
    this.#targetSize = options.repackSmallerThan ?? usualSize(scene.table);
  }

  /** Take in one file of the listing. */
  add({ name, size }: FileInfo): void {
    const { index, table, statistics } = this.#scene;
    if (!index.hasPack(name)) {
      if (this.#unreferenced.has(name)) return;
      this.#unreferenced.add(name);
      statistics.bytes.unreferenced += size;
      return;
    }
    const pack = index.packNumber(name);
    if (this.#isPresent[pack] === 1) return;
    this.#isPresent[pack] = 1;
    if (table.sizeOf(pack) !== size && table.usedBlobs[pack] !== 0) {
      throw new TsbakError(
        "corrupt",
        `Cannot prune: the pack ${name} has ${size} bytes, but the index says ${table.sizeOf(pack)}; ` +
          `nothing was changed, run "tsbak repair index"`,
      );
    }
    this.#classify(pack, size);
  }

  finish(): PrunePlan {
    const { statistics, repository } = this.#scene;
    const forget = this.#missingPacks();
    if (this.#small.length < SMALL_PACKS) statistics.packs.keep += this.#small.length;
    else this.#candidates.push(...this.#small);
    this.#sort();
    const repack = this.#choose();
    statistics.packs.unreferenced = this.#unreferenced.size;
    statistics.packs.repack = repack.length;
    statistics.packs.remove = this.#remove.size;
    if (repository.version < 2) statistics.bytes.uncompressed = 0;
    sumUp(statistics);
    return { unreferenced: this.#unreferenced, remove: this.#remove, repack, forget };
  }

  #classify(pack: number, size: number): void {
    const { table, statistics, repository } = this.#scene;
    const { packs, bytes } = statistics;
    const isUnused = table.usedBlobs[pack] === 0;
    const isUsed = !isUnused && table.unusedBlobs[pack] === 0;
    if (isUnused) packs.unused++;
    else if (isUsed) packs.used++;
    else packs.partlyUsed++;
    const kind = table.kinds[pack];
    const isPlain = table.uncompressed[pack] === 1;
    if (isPlain) bytes.uncompressed += table.sizeOf(pack);
    const { repackUncompressed = false, repackCacheableOnly = false } = this.#options;
    const mustCompress =
      repository.version >= 2 && isPlain && (kind === PACK_KINDS.tree || repackUncompressed);

    if (isUnused) this.#removeWhole(pack);
    else if (repackCacheableOnly && kind === PACK_KINDS.data) packs.keep++;
    else if (!isUsed || kind === PACK_KINDS.mixed || mustCompress) {
      this.#candidates.push({ pack, mustCompress });
    } else if (size >= this.#targetSize) packs.keep++;
    else this.#small.push({ pack, mustCompress });
  }

  #removeWhole(pack: number): void {
    this.#remove.add(pack);
    this.#countRemoved(pack);
  }

  #countRemoved(pack: number): void {
    const { table, statistics } = this.#scene;
    statistics.blobs.remove += table.unusedBlobs[pack] as number;
    statistics.bytes.remove += table.unusedSize[pack] as number;
  }

  #missingPacks(): ReadonlySet<number> {
    const { index, table, onWarning } = this.#scene;
    const forget = new Set<number>();
    const needed: string[] = [];
    this.#isPresent.forEach((present, pack) => {
      if (present === 1) return;
      if (table.usedBlobs[pack] !== 0) {
        needed.push(index.packs[pack] as string);
        return;
      }
      forget.add(pack);
      this.#countRemoved(pack);
    });
    if (needed.length > 0) {
      throw new TsbakError(
        "corrupt",
        `Cannot prune: ${needed.length} packs that are needed are missing (${listSome(needed)}); ` +
          `nothing was changed, run "tsbak verify" to see what is lost`,
      );
    }
    for (const pack of forget) {
      onWarning(`the missing pack ${index.packs[pack]} is not needed and leaves the index`);
    }
    return forget;
  }

  /** Packs with trees first, among them and the others small ones first, then those of which the larger part is unused. */
  #sort(): void {
    const { table } = this.#scene;
    const rank = ({ pack }: Candidate): number =>
      (table.kinds[pack] === PACK_KINDS.data ? 2 : 0) +
      (table.sizeOf(pack) < this.#targetSize ? 0 : 1);
    const share = ({ pack }: Candidate): number =>
      (table.unusedSize[pack] as number) / table.sizeOf(pack);
    this.#candidates.sort((a, b) => rank(a) - rank(b) || share(b) - share(a) || a.pack - b.pack);
  }

  #choose(): number[] {
    const { table, statistics } = this.#scene;
    const { blobs, bytes, packs } = statistics;
    const limit = bytesOf(this.#options.maxUnused ?? DEFAULT_LIMIT, bytes.used);
    const maxRepack = this.#options.maxRepackSize ?? Infinity;
    const chosen: number[] = [];
    for (const { pack, mustCompress } of this.#candidates) {
      const size = table.sizeOf(pack);
      const unused = bytes.duplicate + bytes.unused - bytes.remove - bytes.repackRemove;
      const isNeeded = table.kinds[pack] !== PACK_KINDS.data || mustCompress;
      const isEnough = unused < limit && size >= this.#targetSize;
      if (bytes.repack + size >= maxRepack || (!isNeeded && isEnough)) {
        packs.keep++;
        continue;
      }
      chosen.push(pack);
      blobs.repack += (table.usedBlobs[pack] as number) + (table.unusedBlobs[pack] as number);
      bytes.repack += size;
      blobs.repackRemove += table.unusedBlobs[pack] as number;
      bytes.repackRemove += table.unusedSize[pack] as number;
      if (table.uncompressed[pack] === 1) bytes.uncompressed -= size;
    }
    return chosen;
  }
}

/** 80 % of the size that all but three in a hundred packs have, so that nothing is done where there are no small ones. */
function usualSize(table: PackTable): number {
  if (table.length === 0) return 0;
  const sizes = Float64Array.from({ length: table.length }, (_, pack) => table.sizeOf(pack)).sort();
  const size = sizes[Math.floor((table.length * 3) / 100)] as number;
  return Math.floor((Math.max(LEAST_PACK_SIZE, size) * 4) / 5);
}

function bytesOf(limit: UnusedLimit, used: number): number {
  if ("bytes" in limit) return limit.bytes;
  return Math.floor((limit.share / (1 - limit.share)) * used);
}

function listSome(names: readonly string[]): string {
  const rest = names.length - NAMED_PACKS;
  return names.slice(0, NAMED_PACKS).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
