import { CONFIG_REF, type Backend } from "../backend/backend.ts";
import { toHex } from "../bytes/hex.ts";
import { formatPolynomial, randomPolynomial } from "../chunk/polynomial.ts";
import { loadZstd } from "../compress/zstd.ts";
import { generateMasterKey } from "../crypto/master-key.ts";
import { Sealer } from "../crypto/sealer.ts";
import { encodeConfig, type Config } from "../format/config.ts";
import { Repository } from "../repository/repository.ts";
import { BRISK_CLOCK } from "./brisk-clock.ts";
import { TestingRepository } from "./sample-repository.ts";

/**
 * A repository as `createRepository` makes it, but with a key that opens in no time, and locks that do not settle: most of what
 * a small test would take otherwise.
 */
export async function createQuickly(
  backend: Backend,
  { password, version = 2 }: { readonly password: string; readonly version?: 1 | 2 },
): Promise<Repository> {
  const config: Config = {
    version,
    id: toHex(crypto.getRandomValues(new Uint8Array(32))),
    chunkerPolynomial: formatPolynomial(randomPolynomial()),
    chunker: "rabin",
    extra: {},
  };
  const parts = { backend, config, masterKey: generateMasterKey(), zstd: await loadZstd() };
  const locking = { clock: BRISK_CLOCK };
  await backend.create();
  await backend.write(CONFIG_REF, new Sealer(parts.masterKey).seal(encodeConfig(config)));
  const keyless = new TestingRepository(new Repository({ ...parts, locking, keyId: "" }));
  return new Repository({ ...parts, locking, keyId: await keyless.addPassword(password) });
}
