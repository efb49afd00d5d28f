import { expect } from "vitest";
import type { VerifyProblem, VerifyReport } from "../maintain/verify/verify-report.ts";
import { verify, type VerifyOptions } from "../maintain/verify/verify.ts";
import type { Sample } from "./sample-repository.ts";

/** Everything is read. */
export const ALL: VerifyOptions = { readData: true, noLock: true, threads: 1 };
/** Only trees are read. */
export const STRUCTURE: VerifyOptions = { noLock: true, threads: 1 };

/** Verify a sample, in full unless said otherwise. */
export function runVerify(sample: Sample, options: VerifyOptions = ALL): Promise<VerifyReport> {
  return verify(sample.testing.repository, options);
}

/** What was found in which file, and the paths that it concerns. */
export function summarize({ errors }: VerifyReport): unknown[] {
  return errors.map(({ kind, file, affected }) => [
    kind,
    file?.name,
    affected.map(({ path }) => path).sort(),
  ]);
}

/** The problem that must be the only one. */
export function onlyProblem({ errors }: VerifyReport): VerifyProblem {
  expect(errors).toHaveLength(1);
  return errors[0] as VerifyProblem;
}
