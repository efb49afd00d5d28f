/**
 * Polynomials over GF(2), as the config of a repository has one for its Rabin chunker: bit i of the number is the
 * coefficient of x^i. restic-format section 11.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { TsbakError } from "../errors.ts";

/** Degree of every polynomial that restic makes, and the only one that our chunker works with. */
export const POLYNOMIAL_DEGREE = 53;

/** A random irreducible polynomial of degree 53: the secret that makes a repository's cuts its own. */
export function randomPolynomial(): bigint {
  const top = 1n << BigInt(POLYNOMIAL_DEGREE);
  for (;;) {
    const random = BigInt.asUintN(POLYNOMIAL_DEGREE, randomBytes(8).readBigUInt64LE());
    const polynomial = top | random | 1n;
    if (isIrreducible(polynomial)) return polynomial;
  }
}

/**
 * True if no polynomials of lower degree multiply to this one. Ben-Or's test: an irreducible factor of degree i
 * divides x^(2^i) - x, so none up to half the degree may share a divisor with it.
 */
export function isIrreducible(polynomial: bigint): boolean {
  const degree = degreeOf(polynomial);
  if (degree < 1) return false;
  let power = 2n;
  for (let i = 1; i <= degree >> 1; i++) {
    power = remainder(square(power), polynomial);
    if (greatestCommonDivisor(polynomial, power ^ 2n) !== 1n) return false;
  }
  return true;
}

/**
 * The polynomial that a config tells in hex.
 *
 * @throws {TsbakError} `corrupt` if it is not hex or not irreducible.
 */
export function parsePolynomial(hex: string): bigint {
  const polynomial = /^[0-9a-fA-F]{1,16}$/.test(hex) ? BigInt(`0x${hex}`) : 0n;
  if (!isIrreducible(polynomial)) {
    throw new TsbakError("corrupt", "Cannot read config: invalid chunker polynomial");
  }
  return polynomial;
}

/** Lower-case hex without prefix or padding: the form of the config. */
export function formatPolynomial(polynomial: bigint): string {
  return polynomial.toString(16);
}

/** Degree of a polynomial; -1 for zero. */
export function degreeOf(polynomial: bigint): number {
  return polynomial === 0n ? -1 : polynomial.toString(2).length - 1;
}

/** What is left of `dividend` after division by `divisor`. */
export function remainder(dividend: bigint, divisor: bigint): bigint {
  const degree = degreeOf(divisor);
  let rest = dividend;
  for (let over = degreeOf(rest) - degree; over >= 0; over = degreeOf(rest) - degree) {
    rest ^= divisor << BigInt(over);
  }
  return rest;
}

/** Over GF(2) the mixed terms cancel: squaring puts a zero between any two coefficients. */
function square(polynomial: bigint): bigint {
  return BigInt(`0b${polynomial.toString(2).split("").join("0")}`);
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, remainder(a, b));
}
