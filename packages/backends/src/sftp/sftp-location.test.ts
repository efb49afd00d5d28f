import { expect, test } from "vitest";

import { formatSftpLocation, parseSftpLocation } from "./sftp-location.ts";

test.each([
  ["user@host:/dir/subdir", "user", "host", undefined, "/dir/subdir"],
  ["host:dir", undefined, "host", undefined, "dir"],
  ["host:../dir/subdir", undefined, "host", undefined, "../dir/subdir"],
  ["user@domain@host:/dir", "user@domain", "host", undefined, "/dir"],
  ["user@host:dir/subdir:suffix", "user", "host", undefined, "dir/subdir:suffix"],
  ["user@host:dir/subdir/../other", "user", "host", undefined, "dir/other"],
  ["user@host:dir///subdir/", "user", "host", undefined, "dir/subdir"],
  ["host:", undefined, "host", undefined, "."],
  ["user@[fe80::1]:/dir", "user", "fe80::1", undefined, "/dir"],
  ["host:/a@b:c", undefined, "host", undefined, "/a@b:c"],
  ["//user@host/dir/subdir", "user", "host", undefined, "dir/subdir"],
  ["//host//dir/subdir", undefined, "host", undefined, "/dir/subdir"],
  ["//user@host:10022//dir/subdir", "user", "host", "10022", "/dir/subdir"],
  ["//host/dir/../other", undefined, "host", undefined, "other"],
  ["//user@[::1]/dir", "user", "::1", undefined, "dir"],
  ["//user@[::1]:22/dir", "user", "::1", "22", "dir"],
  ["//[fe80::1%25eth0]/dir", undefined, "fe80::1%eth0", undefined, "dir"],
  ["//user%40domain@host/a%20b%3Fc", "user@domain", "host", undefined, "a b?c"],
  ["//user:secret@host/dir", "user", "host", undefined, "dir"],
  ["//host/", undefined, "host", undefined, "."],
])("parseSftpLocation() takes %s", (rest, user, host, port, path) => {
  expect(parseSftpLocation(rest)).toEqual({ user, host, port, path });
});

test.each([
  ["host", "missing"],
  ["//host", "URL"],
  ["//host:dir", "URL"],
  ["//host/dir?x", "%3F"],
  ["//host/dir%zz", "hex digits"],
  ["-oProxyCommand=x:dir", "dash"],
  ["user@-v:dir", "dash"],
  ["//-v/dir", "dash"],
  ["host:~/dir", "relative to the home"],
  ["//host/~user/dir", "relative to the home"],
  ["ho\nst:dir", "control characters"],
])("parseSftpLocation() refuses %j", (rest, reason) => {
  expect(() => parseSftpLocation(rest)).toThrow(reason);
});

test("parseSftpLocation() never repeats a password", () => {
  for (const rest of ["//user:secret@host", "//user:secret@host/~", "//user:secret@host/%"]) {
    expect(() => parseSftpLocation(rest)).toThrow(/^(?!.*secret)/);
  }
});

test.each([
  ["user@host:/dir", "sftp:user@host:/dir"],
  ["//user:secret@host//dir", "sftp:user@host:/dir"],
  ["//host:22//dir", "sftp://host:22//dir"],
  ["//host:22/dir", "sftp://host:22/dir"],
  ["//[::1]/dir", "sftp:[::1]:dir"],
])("formatSftpLocation() shows %s so that it can be used again", (rest, shown) => {
  const location = parseSftpLocation(rest);

  expect(formatSftpLocation(location)).toBe(shown);
  expect(parseSftpLocation(shown.slice("sftp:".length))).toEqual(location);
});
