import { expect } from "vitest";
import { CONFIG_REF, type Backend, type FileKind } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { encodeConfig } from "../format/config.ts";
import { Repository } from "../repository/repository.ts";
import { listSnapshots } from "../repository/snapshots.ts";
import { walkTree } from "../repository/walk-tree.ts";
import { FaultyBackend } from "./faulty-backend.ts";
import { createSample, type Sample } from "./sample-repository.ts";
import { sha256Hex } from "../crypto/sha256.ts";
import { mirror, type MirrorOptions } from "../maintain/mirror/mirror.ts";

const KINDS: readonly FileKind[] = ["config", "key", "lock", "snapshot", "index", "pack"];

/** Every file of a store by kind and name, as the hash of its bytes. */
export async function contentsOf(backend: Backend): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const kind of KINDS) {
    for await (const { name } of backend.list(kind)) {
      found[`${kind} ${name}`] = sha256Hex(await backend.read({ kind, name }));
    }
  }
  return found;
}

/** A copy of a store without its locks. */
export async function cloneOf(backend: Backend, location: string): Promise<MemoryBackend> {
  const clone = new MemoryBackend({ location });
  for (const kind of KINDS) {
    if (kind === "lock") continue;
    for await (const { name } of backend.list(kind)) {
      await clone.write({ kind, name }, await backend.read({ kind, name }));
    }
  }
  return clone;
}

/** The repository of a sample with another store. */
export function repositoryAt(sample: Sample, backend: Backend): Repository {
  const { config, masterKey, keyId, zstd, locking } = sample.testing.repository;
  return new Repository({ backend, config, masterKey, keyId, zstd, locking });
}

/** As `createSample`, with the file of its config. */
export async function sampleWithConfig(): Promise<Sample> {
  const sample = await createSample();
  const { backend, repository } = sample.testing;
  await backend.write(CONFIG_REF, repository.sealer.seal(encodeConfig(repository.config)));
  return sample;
}

/** Flip a bit in the middle of a file. */
export async function flip(backend: Backend, kind: FileKind, name: string): Promise<void> {
  const bytes = await backend.read({ kind, name });
  bytes[bytes.length >> 1]! ^= 1;
  await backend.remove({ kind, name });
  await backend.write({ kind, name }, bytes);
}

/** Everything that the snapshots need can be read. */
export async function expectWhole(sample: Sample, backend: Backend): Promise<void> {
  const repository = repositoryAt(sample, backend);
  for (const { snapshot } of await listSnapshots(repository)) {
    for await (const { node } of walkTree(repository, snapshot.tree)) {
      for (const id of node.content ?? []) await repository.loadBlob("data", id);
    }
  }
  for (const name of (await repository.loadIndex()).packs) {
    expect(sha256Hex(await backend.read({ kind: "pack", name }))).toBe(name);
  }
}

/** Two sides of a mirror. */
export interface MirrorCase {
  readonly sample: Sample;
  readonly target: MemoryBackend;
  /** What both sides hold when all is done. */
  readonly expected: Record<string, string>;
}

/** Die before and after every write to either side; then the target is whole, and a second run ends as one that never died. */
export async function crashEverywhere(
  options: MirrorOptions,
  make: () => Promise<MirrorCase>,
  isWholeBetween = true,
): Promise<void> {
  const cases = (["source", "target"] as const).flatMap((side) =>
    [true, false].map((applied) => ({ side, applied })),
  );
  const crash = async ({ side, applied }: (typeof cases)[number]): Promise<void> => {
    const counts = await Promise.all(
      Array.from({ length: 18 }, async (_, at) => {
        const { sample, target, expected } = await make();
        const faulty = {
          source: new FaultyBackend(sample.testing.backend),
          target: new FaultyBackend(target),
        };
        faulty[side].crashAt(at + 1, { applied });
        await mirror(repositoryAt(sample, faulty.source), faulty.target, options).catch(
          () => undefined,
        );
        for (const backend of [sample.testing.backend, target]) {
          for await (const { name } of backend.list("lock")) {
            await backend.remove({ kind: "lock", name });
          }
        }
        if (isWholeBetween) await expectWhole(sample, target);
        const again = await mirror(repositoryAt(sample, sample.testing.backend), target, options);
        expect(again.problems).toEqual([]);
        expect(await contentsOf(target)).toEqual(expected);
        expect(await contentsOf(sample.testing.backend)).toEqual(expected);
        return faulty[side].crashed;
      }),
    );
    expect(counts).toContain(true);
    expect(counts.at(-1)).toBe(false);
  };
  await Promise.all(cases.map(crash));
}
