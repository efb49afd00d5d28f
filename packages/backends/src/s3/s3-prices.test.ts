import { expect, test } from "vitest";

import { priceClassesOf } from "./s3-prices.ts";

test.each([
  ["s3.eu-central-1.amazonaws.com", "Tier1", "Tier2"],
  ["s3.amazonaws.com:443", "Tier1", "Tier2"],
  ["s3.us-west-004.backblazeb2.com", "A", "B"],
  ["0a1b.r2.cloudflarestorage.com", "A", "B"],
  ["minio.example.org:9000", undefined, undefined],
  ["amazonaws.com.example.org", undefined, undefined],
])("priceClassesOf() calls uploads and downloads at %s %s and %s", (host, write, read) => {
  const classes = priceClassesOf(host);

  expect([classes?.write, classes?.read]).toEqual([write, read]);
});
