/**
 * Print how many tests passed and failed, from vitest's JSON report: `node count-tests.mjs REPORT STATUS`.
 *
 * A test file that failed though none of its tests did, because it could not be loaded or cleaned up after, counts as one
 * failure. So does any other step that ended with another STATUS than 0: there is no report if the build broke.
 */
import { readFileSync } from "node:fs";

const [report = "", status = "1"] = process.argv.slice(2);
const text = readFileSync(report, "utf8");
const results = text === "" ? { numPassedTests: 0, testResults: [] } : JSON.parse(text);

const tests = results.testResults.flatMap((file) => file.assertionResults);
const skipped = tests.filter((test) => test.status !== "passed" && test.status !== "failed").length;
const failedTests = tests.filter((test) => test.status === "failed").length;
const failedFiles = results.testResults.filter(
  (file) =>
    file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
).length;
const failed = failedTests + failedFiles;

if (skipped > 0) console.log(`\n${skipped} skipped`);
console.log(
  `\n${results.numPassedTests} passed, ${failed === 0 && status !== "0" ? 1 : failed} failed`,
);
