import { hostname, userInfo } from "node:os";
import { CONFIG_REF, type Backend, type FileKind } from "../backend/backend.ts";
import { toHex } from "../bytes/hex.ts";
import { formatPolynomial, randomPolynomial } from "../chunk/polynomial.ts";
import { loadZstd } from "../compress/zstd.ts";
import { Sealer } from "../crypto/sealer.ts";
import { TsbakError } from "../errors.ts";
import { encodeConfig, type Config } from "../format/config.ts";
import { formatTime } from "../format/time.ts";
import { localNow } from "../fs/local-time.ts";
import { addKey, type KeyOwner } from "./keys.ts";
import { Repository } from "./repository.ts";

/** How to make a repository. */
export interface CreateOptions {
  /** Empty only if the caller has made sure that this is meant. */
  readonly password: string;
  /** Repository format; 2 unless another tool needs 1. */
  readonly version?: 1 | 2 | undefined;
  /** Cut files with this repository's parameters, so that blobs can later be copied between the two without being stored twice. */
  readonly chunkerOf?: Repository | undefined;
  /** `fastcdc` is faster, but restic writing to the same repository cuts differently and stores such data again. */
  readonly chunker?: "rabin" | "fastcdc" | undefined;
}

/**
 * Make a repository in an empty place: first its key, then its config (restic format, section 4), so that a
 * crash in between leaves nothing that looks like a repository.
 *
 * @throws {TsbakError} `already-exists` if there is a config, a key or a snapshot.
 */
export async function createRepository(
  backend: Backend,
  options: CreateOptions,
): Promise<Repository> {
  await refuseExisting(backend);
  const config = newConfig(options);
  await backend.create();
  const key = await addKey(backend, options.password, currentOwner());
  await backend.write(CONFIG_REF, new Sealer(key.masterKey).seal(encodeConfig(config)));
  return new Repository({ backend, config, zstd: await loadZstd(), ...key });
}

/** The user and host that a new key is noted for. */
export function currentOwner(): KeyOwner {
  return {
    created: formatTime(localNow()),
    username: userInfo().username,
    hostname: hostname(),
  };
}

function newConfig(options: CreateOptions): Config {
  const model = options.chunkerOf?.config;
  return {
    version: options.version ?? 2,
    id: toHex(crypto.getRandomValues(new Uint8Array(32))),
    chunkerPolynomial: model?.chunkerPolynomial ?? formatPolynomial(randomPolynomial()),
    chunker: options.chunker ?? model?.chunker ?? "rabin",
    extra: {},
  };
}

async function refuseExisting(backend: Backend): Promise<void> {
  const kinds: readonly FileKind[] = ["config", "key", "snapshot"];
  for (const kind of kinds) {
    for await (const file of backend.list(kind)) {
      void file;
      throw new TsbakError(
        "already-exists",
        `Cannot create repository at ${backend.location}: there is a ${kind} file already; use another location, or the repository as it is`,
      );
    }
  }
}
