import { CONFIG_REF, type CallOptions, type MisplacedPack } from "../../backend/backend.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import { headerEntries } from "./salvage-pack.ts";

/** What became of packs in wrong folders whose places were empty. */
export interface PlacedPacks {
  /** Names of those that are in their places now. */
  readonly placed: readonly string[];
  /** By name, those that stay where they are and may still hold something: damaged, or with something in the way. */
  readonly left: ReadonlyMap<string, MisplacedPack>;
}

/**
 * Put packs that lie in wrong folders into their places, if their contents have the hashes that name them. Each is durable in its place before it
 * goes elsewhere; nothing that is in the right place is touched. `missing` are the names of packs that the index lists.
 */
export async function placePacks(
  repository: Repository,
  missing: ReadonlySet<string>,
  call: CallOptions,
): Promise<PlacedPacks> {
  const { misplacedPacks } = repository.backend;
  const placed: string[] = [];
  const left = new Map<string, MisplacedPack>();
  const misplaced = (await misplacedPacks?.list(call)) ?? [];
  if (misplacedPacks === undefined || misplaced.length === 0) return { placed, left };
  const present = new Set(await repository.listNames("pack", call));
  for (const pack of misplaced) {
    const { name } = pack;
    if (present.has(name)) continue;
    const bytes = await readMisplaced(repository, pack, call);
    if (bytes === undefined) continue;
    if (sha256Hex(bytes) === name && (await write(repository, name, bytes, call))) {
      await misplacedPacks.remove(pack, call);
      present.add(name);
      placed.push(name);
      left.delete(name);
    } else if (missing.has(name) || headerEntries(repository, bytes).length > 0) {
      left.set(name, pack);
    }
  }
  return { placed, left };
}

/** Undefined for one that is gone or cannot be read, though the store can be reached. */
async function readMisplaced(
  { backend }: Repository,
  pack: MisplacedPack,
  call: CallOptions,
): Promise<Uint8Array | undefined> {
  try {
    return await backend.misplacedPacks?.read(pack, call);
  } catch (error) {
    if (isTsbakError(error, "not-found") || isTsbakError(error, "denied")) return undefined;
    if (!isTsbakError(error, "unavailable")) throw error;
    await backend.read(CONFIG_REF, undefined, call);
    return undefined;
  }
}

/** False if something that is no pack stands in the way. */
async function write(
  { backend }: Repository,
  name: string,
  bytes: Uint8Array,
  call: CallOptions,
): Promise<boolean> {
  try {
    await backend.write({ kind: "pack", name }, bytes, call);
    return true;
  } catch (error) {
    if (isTsbakError(error, "already-exists")) return false;
    throw error;
  }
}
