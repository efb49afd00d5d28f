import { expect, test } from "vitest";
import { parseStoreOptions } from "./store-options.ts";

test.each([
  [["s3.region=eu", "s3.region=eu"], { "s3.region": "eu" }],
  [[" S3.Region = eu "], { "s3.region": "eu" }],
  [["sftp.command=ssh -o A=b -s sftp"], { "sftp.command": "ssh -o A=b -s sftp" }],
  [["s3.region=eu,s3.connections=3"], { "s3.region": "eu", "s3.connections": "3" }],
  [["sftp.args=-oCiphers=a,b"], { "sftp.args": "-oCiphers=a,b" }],
  [['"sftp.args=-oCiphers=a,b"'], { "sftp.args": "-oCiphers=a,b" }],
  [
    ['"sftp.args=say ""a,b""",sftp.connections=2'],
    { "sftp.args": 'say "a,b"', "sftp.connections": "2" },
  ],
  [["s3.storage-class="], { "s3.storage-class": "" }],
  [[""], {}],
])("parseStoreOptions() reads %j", (texts, options) => {
  expect(parseStoreOptions(texts)).toEqual(options);
});

test.each([
  [["s3.region"], "s3.region has no value"],
  [["secret"], "one of them has no value"],
  [["=eu"], "there is no key"],
  [["s3.region=eu", "S3.REGION=us"], "s3.region was given two values"],
])("parseStoreOptions() refuses %j", (texts, message) => {
  expect(() => parseStoreOptions(texts)).toThrow(message);
});

test("parseStoreOptions() never repeats a value", () => {
  expect(() => parseStoreOptions(["sftp.command=secret1", "sftp.command=secret2"])).toThrow(
    /^(?!.*secret)/,
  );
});
