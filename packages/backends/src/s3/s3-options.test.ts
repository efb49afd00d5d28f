import { expect, test } from "vitest";

import { readS3Options } from "./s3-options.ts";

test("readS3Options() has an answer for all that is not said", () => {
  expect(readS3Options({})).toEqual({
    connections: 5,
    region: undefined,
    bucketLookup: "auto",
    storageClass: undefined,
    listsObjectsV1: false,
    isAnonymous: false,
    profile: undefined,
    retention: undefined,
  });
});

test("readS3Options() reads all options, and takes no notice of other stores'", () => {
  const options = {
    "s3.connections": "12",
    "s3.region": "eu-west-1",
    "s3.bucket-lookup": "dns",
    "s3.storage-class": "STANDARD_IA",
    "s3.list-objects-v1": "true",
    "s3.retries": "7",
    "s3.unsafe-anonymous-auth": "1",
    "s3.profile": "backup",
    "s3.retention": "30d",
    "s3.retention-mode": "compliance",
    "sftp.command": "ssh",
  };

  expect(readS3Options({ options })).toEqual({
    connections: 12,
    region: "eu-west-1",
    bucketLookup: "dns",
    storageClass: "STANDARD_IA",
    listsObjectsV1: true,
    isAnonymous: true,
    profile: "backup",
    retention: { durationMs: 30 * 24 * 3_600_000, mode: "COMPLIANCE" },
  });
});

test.each([
  ["s3.connections", "0"],
  ["s3.retries", "many"],
  ["s3.bucket-lookup", "guess"],
  ["s3.list-objects-v1", "yes please"],
  ["s3.retention", "30"],
  ["s3.retention", "0d"],
  ["s3.retention-mode", "GOVERNANCE"],
  ["s3.layout", "s3legacy"],
  ["s3.enable-restore", "true"],
])("readS3Options() refuses -o %s=%s", (name, value) => {
  expect(() => readS3Options({ options: { [name]: value } })).toThrow(
    expect.objectContaining({ code: "invalid-argument" }),
  );
});
