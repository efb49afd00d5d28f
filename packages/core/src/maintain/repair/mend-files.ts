/**
 * Put damaged files of snapshots and keys right, from copies elsewhere or, where a file only has the wrong name, from itself.
 *
 *   (1) A copy of a damaged file is durable elsewhere before it goes, and it goes only if the right one is at hand.
 *   (2) While files change places, each snapshot is there a second time under another id, so that none is missing at any instant.
 *
 * @module
 */
import type { CallOptions, FileRef } from "../../backend/backend.ts";
import { sha256Hex } from "../../crypto/sha256.ts";
import { isTsbakError } from "../../errors.ts";
import { decodeSnapshot } from "../../format/snapshot.ts";
import type { Repository } from "../../repository/repository.ts";
import { openUnpacked } from "../../repository/unpacked.ts";
import type { RawSource } from "./raw-source.ts";
import type { KeepAside } from "./repair-packs.ts";
import { readDamaged } from "./salvage-pack.ts";

/** What mending takes. */
export interface MendTools {
  readonly sources: readonly RawSource[];
  readonly keepAside: KeepAside;
}

/** A snapshot as it was stored. */
interface Whole {
  readonly raw: Uint8Array;
  readonly plain: Uint8Array;
}

/**
 * Mend damaged snapshots and bring back `missing` ones. Gives the ids of those that are there again. Damaged files of which nobody
 * has a copy stay.
 */
export async function mendSnapshots(
  repository: Repository,
  wanted: { readonly damaged: readonly string[]; readonly missing: readonly string[] },
  tools: MendTools,
  call: CallOptions,
): Promise<readonly string[]> {
  const whole = new Map<string, Whole>();
  const removable = new Set<string>();
  for (const name of [...wanted.damaged, ...wanted.missing]) {
    const isThere = wanted.damaged.includes(name);
    const own = isThere
      ? await keep(repository, { kind: "snapshot", name }, tools, call)
      : undefined;
    const misnamed = own && openSnapshot(repository, own);
    if (own !== undefined && misnamed !== undefined) whole.set(sha256Hex(own), misnamed);
    const copy = await findCopy(repository, name, tools.sources, call);
    if (copy !== undefined) whole.set(name, copy);
    if (isThere && (copy ?? misnamed) !== undefined) removable.add(name);
  }
  const present = new Set(await repository.listNames("snapshot", call));
  const absent = [...whole].filter(([name]) => !present.has(name) || wanted.damaged.includes(name));
  // What stands in the way was kept aside, and is worth nothing where it is.
  for (const [name] of absent) if (wanted.damaged.includes(name)) removable.add(name);
  await exchange(repository, absent, [...removable], call);
  return absent.map(([name]) => name);
}

async function exchange(
  repository: Repository,
  absent: readonly (readonly [string, Whole])[],
  removable: readonly string[],
  call: CallOptions,
): Promise<void> {
  const { backend } = repository;
  const stand: string[] = [];
  for (const [, { plain }] of absent) {
    stand.push(await repository.saveFile("snapshot", plain, call));
  }
  for (const name of removable) await backend.remove({ kind: "snapshot", name }, call);
  for (const [name, { raw }] of absent) await backend.write({ kind: "snapshot", name }, raw, call);
  for (const name of stand) await backend.remove({ kind: "snapshot", name }, call);
}

/** The bytes of a damaged file, of which there is a copy then; undefined if it cannot be read. */
async function keep(
  repository: Repository,
  ref: FileRef,
  { keepAside }: MendTools,
  call: CallOptions,
): Promise<Uint8Array | undefined> {
  try {
    const { size } = await repository.backend.stat(ref, call);
    const bytes =
      size === 0 ? new Uint8Array() : await readDamaged(repository, ref, undefined, call);
    await keepAside(ref, bytes);
    return bytes;
  } catch (error) {
    if (isTsbakError(error, "corrupt") || isTsbakError(error, "not-found")) return undefined;
    throw error;
  }
}

async function findCopy(
  repository: Repository,
  name: string,
  sources: readonly RawSource[],
  call: CallOptions,
): Promise<Whole | undefined> {
  for (const source of sources) {
    const raw = await source.read({ kind: "snapshot", name }, call);
    const whole = raw && openSnapshot(repository, raw);
    if (whole !== undefined) return whole;
  }
  return undefined;
}

/** Undefined unless the bytes are a snapshot that was sealed with the key of the repository. */
function openSnapshot(repository: Repository, raw: Uint8Array): Whole | undefined {
  try {
    const plain = openUnpacked(repository, raw);
    decodeSnapshot(plain);
    return { raw, plain };
  } catch (error) {
    if (isTsbakError(error, "corrupt")) return undefined;
    throw error;
  }
}

/**
 * Put damaged key files right from copies. A key opened the repository, so that there is another one meanwhile. Gives the names of
 * those that are whole again.
 */
export async function mendKeys(
  repository: Repository,
  damaged: readonly string[],
  tools: MendTools,
  call: CallOptions,
): Promise<readonly string[]> {
  const mended: string[] = [];
  for (const name of damaged) {
    const ref = { kind: "key", name } as const;
    for (const source of tools.sources) {
      const raw = await source.read(ref, call);
      if (raw === undefined || (await keep(repository, ref, tools, call)) === undefined) continue;
      await repository.backend.remove(ref, call);
      await repository.backend.write(ref, raw, call);
      mended.push(name);
      break;
    }
  }
  return mended;
}

/** Keep copies of damaged index files, which will be replaced. */
export async function keepIndexes(
  repository: Repository,
  names: readonly string[],
  tools: MendTools,
  call: CallOptions,
): Promise<void> {
  for (const name of names) await keep(repository, { kind: "index", name }, tools, call);
}
