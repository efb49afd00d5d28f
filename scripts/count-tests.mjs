/**
 * Print how many tests passed and failed, from vitest's JSON report: `node count-tests.mjs REPORT STATUS`.
 *
 * A step that ended with another STATUS than 0 counts as a failure even if no test did: there is no report if the build
 * broke, and a test file that cannot be loaded has no tests that could fail.
 */
import { readFileSync } from "node:fs";

const [report = "", status = "1"] = process.argv.slice(2);
const text = readFileSync(report, "utf8");
const results =
  text === "" ? { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 } : JSON.parse(text);

const skipped = (results.numPendingTests ?? 0) + (results.numTodoTests ?? 0);
const failed = status === "0" ? results.numFailedTests : Math.max(1, results.numFailedTests);
if (skipped > 0) console.log(`\n${skipped} skipped`);
console.log(`\n${results.numPassedTests} passed, ${failed} failed`);
