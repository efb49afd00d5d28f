import { CONFIG_REF, type CallOptions } from "../../backend/backend.ts";
import { equalBytes } from "../../bytes/compare.ts";
import { TsbakError } from "../../errors.ts";
import { decodeConfig, encodeConfig, type Config } from "../../format/config.ts";
import { replaceConfig } from "../../repository/replace-config.ts";
import type { Repository } from "../../repository/repository.ts";
import { verify, type VerifyOptions } from "../verify/verify.ts";
import type { VerifyReport } from "../verify/verify-report.ts";

/** A change of a repository's format. */
export interface Migration {
  readonly name: "upgrade_repo_v2";
  readonly description: string;
}

const UPGRADE: Migration = {
  name: "upgrade_repo_v2",
  description: "upgrade a repository to version 2",
};

/** The migrations that a repository can go through. */
export function findMigrations(repository: Repository): Migration[] {
  return repository.version === 1 ? [UPGRADE] : [];
}

/** How a repository is upgraded. */
export interface UpgradeOptions extends CallOptions {
  /** Store a copy of the sealed config where it survives this process. Called before anything is changed; it throws if it cannot. */
  readonly keepCopy: (sealed: Uint8Array) => void;
  /** The copy is needed no longer. */
  readonly dropCopy: () => void;
  readonly onVerified?: ((report: VerifyReport) => void) | undefined;
  readonly onVerifyEvent?: VerifyOptions["onEvent"];
}

/**
 * Make a repository of version 1 one of version 2, which compresses. Only its config is replaced; what is there stays as it is and can be
 * read as before. First the repository is verified, without its data. Call it under an exclusive lock, and open the
 * repository anew afterwards.
 *
 * @throws {TsbakError} `unsupported` if it is of another version, `corrupt` if it is damaged, and as `replaceConfig`.
 */
export async function upgradeRepository(
  repository: Repository,
  options: UpgradeOptions,
): Promise<Config> {
  const { backend, config, version, opener, sealer } = repository;
  if (version !== 1) {
    throw new TsbakError(
      "unsupported",
      `Cannot upgrade repository: it is of version ${version} already; there is nothing to do`,
    );
  }
  await refuseDamage(repository, options);
  const before = await backend.read(CONFIG_REF, undefined, options);
  // `open` may work in place.
  const old = decodeConfig(opener.open(before.slice()));
  if (old.id !== config.id || old.version !== 1) throw changed();
  const upgraded: Config = { ...old, version: 2 };
  const plain = encodeConfig(upgraded);
  const after = sealer.seal(plain);
  if (!equalBytes(opener.open(after.slice()), plain)) {
    throw new Error("What was sealed does not open to the same bytes; test this machine's memory");
  }
  options.keepCopy(before);
  await replaceConfig(backend, before, after, options);
  options.dropCopy();
  return upgraded;
}

async function refuseDamage(repository: Repository, options: UpgradeOptions): Promise<void> {
  const { signal, onVerifyEvent: onEvent } = options;
  const report = await verify(repository, { noLock: true, signal, onEvent });
  options.onVerified?.(report);
  if (report.errors.length === 0) return;
  throw new TsbakError(
    "corrupt",
    `Cannot upgrade repository: it is damaged (${report.errors[0]?.message ?? ""}); see "tsbak verify", and repair it first`,
  );
}

function changed(): TsbakError {
  return new TsbakError(
    "corrupt",
    "Cannot upgrade repository: its config has changed since it was opened; run the command again",
  );
}
