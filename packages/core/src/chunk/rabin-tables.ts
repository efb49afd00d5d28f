import { TsbakError } from "../errors.ts";
import { POLYNOMIAL_DEGREE, degreeOf, remainder } from "./polynomial.ts";

/** Bytes that a hash covers. */
export const WINDOW_SIZE = 64;

/** What moves the hash of a window by one byte; 256 entries each, below 2^61. */
export interface RabinTables {
  /** For the byte that a shift by 8 moves past the degree: what takes it out and puts its residue in. */
  readonly reduce: BigUint64Array;
  /** For the byte that leaves the window: what it still contributes after that shift. */
  readonly leave: BigUint64Array;
}

/**
 * The tables of a polynomial, restic-format section 11. `leave` is restic's `out` shifted by one byte, so that the
 * two look-ups of a step do not wait for each other.
 *
 * @throws {TsbakError} `unsupported` unless its degree is 53.
 */
export function rabinTables(polynomial: bigint): RabinTables {
  if (degreeOf(polynomial) !== POLYNOMIAL_DEGREE) {
    throw new TsbakError(
      "unsupported",
      `Cannot cut chunks: polynomial has degree ${degreeOf(polynomial)}, expected ${POLYNOMIAL_DEGREE}`,
    );
  }
  const reduce = linearTable((bit) => {
    const shifted = 1n << BigInt(POLYNOMIAL_DEGREE + bit);
    return shifted | remainder(shifted, polynomial);
  });
  const leave = linearTable((bit) => remainder(1n << BigInt(8 * WINDOW_SIZE + bit), polynomial));
  return { reduce, leave };
}

/** Every entry is the sum of what its bits contribute. */
function linearTable(contributionOf: (bit: number) => bigint): BigUint64Array {
  const table = new BigUint64Array(256);
  for (let bit = 0; bit < 8; bit++) {
    const contribution = contributionOf(bit);
    for (let lower = 0; lower < 1 << bit; lower++) {
      table[(1 << bit) + lower] = (table[lower] ?? 0n) ^ contribution;
    }
  }
  return table;
}
