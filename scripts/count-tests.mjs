/**
 * Print how many tests passed and failed, from vitest's JSON reports: `node count-tests.mjs FOLDER STATUS`.
 *
 * A test file that failed though none of its tests did, because it could not be loaded or cleaned up after, counts as one
 * failure. So does any other step that ended with another STATUS than 0: there is no report if the build broke.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder = ".", status = "1"] = process.argv.slice(2);
const reports = readdirSync(folder).map((name) =>
  JSON.parse(readFileSync(join(folder, name), "utf8")),
);

const files = reports.flatMap((report) => report.testResults);
const tests = files.flatMap((file) => file.assertionResults);
const passed = tests.filter((test) => test.status === "passed").length;
const failedTests = tests.filter((test) => test.status === "failed").length;
const skipped = tests.length - passed - failedTests;
const failedFiles = files.filter(
  (file) =>
    file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
).length;
const failed = failedTests + failedFiles;

if (skipped > 0) console.log(`\n${skipped} skipped`);
console.log(`\n${passed} passed, ${failed === 0 && status !== "0" ? 1 : failed} failed`);
