import { expect, test } from "vitest";
import { isTsbakError } from "../errors.ts";
import {
  degreeOf,
  formatPolynomial,
  isIrreducible,
  parsePolynomial,
  randomPolynomial,
} from "./polynomial.ts";

/** restic's polynomials_test.go. */
const IRREDUCIBLE = ["3da3358b4dc173", "2482734cacca49"];
const REDUCIBLE = ["38f1e565e288df", "30a8295b9d5c91", "255f4350b962cb"];

test.each(IRREDUCIBLE)("parsePolynomial() takes %s, which is irreducible", (hex) => {
  expect(formatPolynomial(parsePolynomial(hex))).toBe(hex);
});

test.each([...REDUCIBLE, "", "0", "1", "xyz", "0x3da3358b4dc173", "-7", "10000000000000000000"])(
  "parsePolynomial() refuses %j",
  (hex) => {
    let error: unknown;
    try {
      parsePolynomial(hex);
    } catch (caught) {
      error = caught;
    }
    expect(isTsbakError(error, "corrupt")).toBe(true);
    expect(String(error)).toMatch(/invalid chunker polynomial/);
  },
);

test("isIrreducible() agrees with trial division for all polynomials of low degree", () => {
  const hasDivisor = (polynomial: number): boolean => {
    for (let divisor = 2; degree(divisor) * 2 <= degree(polynomial); divisor++) {
      let rest = polynomial;
      while (rest !== 0 && degree(rest) >= degree(divisor)) {
        rest ^= divisor << (degree(rest) - degree(divisor));
      }
      if (rest === 0) return true;
    }
    return false;
  };
  const degree = (polynomial: number): number => 31 - Math.clz32(polynomial);

  for (let polynomial = 2; polynomial < 1024; polynomial++) {
    expect(isIrreducible(BigInt(polynomial)), polynomial.toString(2)).toBe(!hasDivisor(polynomial));
  }
});

test("randomPolynomial() is irreducible, of degree 53 and another each time", () => {
  const polynomials = Array.from({ length: 5 }, randomPolynomial);

  for (const polynomial of polynomials) {
    expect(degreeOf(polynomial)).toBe(53);
    expect(isIrreducible(polynomial)).toBe(true);
  }
  expect(new Set(polynomials).size).toBe(5);
});
