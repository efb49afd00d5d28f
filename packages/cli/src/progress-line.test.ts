import { expect, test } from "vitest";
import { describeProgress, progressShare, secondsLeft } from "./progress-line.ts";

const state = {
  filesDone: 120,
  bytesDone: 2 ** 30,
  totalFiles: 300,
  totalBytes: 4 * 2 ** 30,
  errors: 1,
  current: "",
};

test("describeProgress() shows percent, time left, files, bytes, rate and errors", () => {
  expect(describeProgress(state, 10)).toBe(
    "[0:10] 25.00%, ETA 0:30  120 / 300 files, 1.0 GiB / 4.0 GiB, 102.4 MiB/s, 1 error",
  );
});

test("describeProgress() promises nothing while the totals are unknown", () => {
  const unknown = { ...state, totalFiles: undefined, totalBytes: undefined, errors: 0 };

  expect(describeProgress(unknown, 0.5)).toBe("[0:00]  120 files, 1.0 GiB");
});

test("secondsLeft() makes no guess at the beginning", () => {
  expect(secondsLeft(state, 1)).toBeUndefined();
  expect(progressShare({ ...state, bytesDone: 5 * 2 ** 30 })).toBe(1);
});
