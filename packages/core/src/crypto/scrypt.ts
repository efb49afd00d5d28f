import { scrypt } from "node:crypto";
import { TsbakError } from "../errors.ts";
import { masterKeyFromBytes } from "./master-key.ts";
import type { MasterKey } from "./master-key.ts";

/** Cost of scrypt, named as in RFC 7914 and in key files. Memory: 128 * N * r bytes; time: N * r * p. */
export interface KdfParams {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

/** More than this a hostile key file may not make us allocate. restic's keys need 32 or 64 MiB. */
const MEMORY_LIMIT = 2 ** 30;

const KEY_LENGTH = 64;

/**
 * The cost for new keys: 32 MiB, about a third of a second. Fixed, where restic measures the machine: a key that was
 * made on a busy or feeble machine should not be weaker for it, and every cron run pays this once. It lies above the
 * least that OWASP advises for this amount of memory (N = 2^15, r = 8, p = 3).
 */
export function calibrateKdf(): KdfParams {
  return { N: 32768, r: 8, p: 4 };
}

/**
 * The key that a password stands for, restic-format section 3. Runs beside the event loop.
 *
 * @throws {TsbakError} `corrupt` if the parameters are outside what scrypt defines.
 * @throws {TsbakError} `unsupported` if they need more than 1 GiB of memory.
 */
export async function deriveKey(
  password: string,
  salt: Uint8Array,
  params: KdfParams,
): Promise<MasterKey> {
  checkParams(params);
  const { N, r, p } = params;
  // Node's own limit of 32 MiB refuses restic's usual parameters.
  const options = { N, r, p, maxmem: memoryOf(params) + 2 ** 20 };
  const bytes = await new Promise<Uint8Array>((resolve, reject) => {
    scrypt(password, salt, KEY_LENGTH, options, (error, derived) => {
      if (error) reject(error);
      else resolve(derived);
    });
  });
  return masterKeyFromBytes(bytes);
}

function checkParams(params: KdfParams): void {
  const { N, r, p } = params;
  const isPower = Number.isSafeInteger(N) && N > 1 && Number.isInteger(Math.log2(N));
  const isCount = Number.isSafeInteger(r) && r > 0 && Number.isSafeInteger(p) && p > 0;
  if (!isPower || !isCount || r * p >= 2 ** 30) {
    throw new TsbakError(
      "corrupt",
      `Cannot derive key: invalid scrypt parameters N=${N} r=${r} p=${p}`,
    );
  }
  if (memoryOf(params) > MEMORY_LIMIT) {
    throw new TsbakError(
      "unsupported",
      `Cannot derive key: scrypt with N=${N} r=${r} p=${p} needs more than 1 GiB of memory`,
    );
  }
}

function memoryOf({ N, r, p }: KdfParams): number {
  return 128 * r * (N + p + 2);
}
