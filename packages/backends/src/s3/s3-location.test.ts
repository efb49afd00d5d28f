import { describe, expect, test } from "vitest";

import { hostInRegion, parseS3Location, regionOfHost } from "./s3-location.ts";

describe("parseS3Location()", () => {
  test.each([
    ["host/bucket/prefix", "https:", "host", "bucket", "prefix/"],
    ["host/bucket", "https:", "host", "bucket", ""],
    ["host/bucket/", "https:", "host", "bucket", ""],
    ["host:9000/bucket/a/b", "https:", "host:9000", "bucket", "a/b/"],
    ["//host/bucket/prefix/", "https:", "host", "bucket", "prefix/"],
    ["https://host:1/bucket/prefix", "https:", "host:1", "bucket", "prefix/"],
    ["http://127.0.0.1:9000/bucket", "http:", "127.0.0.1:9000", "bucket", ""],
    ["http://[::1]:9000/bucket", "http:", "[::1]:9000", "bucket", ""],
    ["https://host/bucket/a%20b", "https:", "host", "bucket", "a b/"],
    ["host/bucket/a%20b", "https:", "host", "bucket", "a%20b/"],
    ["host/bucket//a/./b/../c", "https:", "host", "bucket", "a/c/"],
    ["httpbin/bucket", "https:", "httpbin", "bucket", ""],
  ])("reads %s", (rest, protocol, host, bucket, prefix) => {
    expect(parseS3Location(rest)).toEqual({ text: `s3:${rest}`, protocol, host, bucket, prefix });
  });

  test.each(["", "host", "host/", "//", "http://host", "http:///bucket", "a b/bucket"])(
    "refuses %j",
    (rest) => {
      expect(() => parseS3Location(rest)).toThrow(
        expect.objectContaining({ code: "invalid-argument" }),
      );
    },
  );

  test.each([
    "https://id:secret@host/bucket",
    "id:secret@host/bucket",
    "https://host/bucket?key=secret",
    "https://host/bucket/%secret",
  ])("refuses what may hold a secret, and does not repeat it: %s", (rest) => {
    expect(() => parseS3Location(rest)).toThrow(/^(?!.*secret)Cannot read the location/);
  });
});

test.each([
  ["s3.amazonaws.com", undefined],
  ["s3.eu-central-1.amazonaws.com", "eu-central-1"],
  ["s3-us-west-2.amazonaws.com", "us-west-2"],
  ["s3.dualstack.us-east-1.amazonaws.com", "us-east-1"],
  ["s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"],
  ["s3.cn-north-1.amazonaws.com.cn", "cn-north-1"],
  ["s3.us-west-004.backblazeb2.com", "us-west-004"],
  ["minio.example.com:9000", undefined],
  ["s3.example.com", undefined],
  ["127.0.0.1:9000", undefined],
])("regionOfHost() of %s is %s", (host, region) => {
  expect(regionOfHost(host)).toBe(region);
});

test.each([
  ["s3.amazonaws.com", "us-east-1", "s3.amazonaws.com"],
  ["s3.amazonaws.com", "eu-west-1", "s3.eu-west-1.amazonaws.com"],
  ["s3.eu-west-1.amazonaws.com", "eu-west-2", "s3.eu-west-2.amazonaws.com"],
  ["s3.us-west-004.backblazeb2.com", "eu-west-2", "s3.us-west-004.backblazeb2.com"],
  ["localhost:9000", "eu-west-2", "localhost:9000"],
])("hostInRegion() of %s in %s is %s", (host, region, expected) => {
  expect(hostInRegion(host, region)).toBe(expected);
});
