import { expect, test } from "vitest";

import { locationBelow } from "./location-below.ts";

test.each([
  ["/srv/backup", "/srv/backup/x"],
  ["/srv/backup/", "/srv/backup/x"],
  ["local:backup", "local:backup/x"],
  ["C:\\backup", "C:\\backup/x"],
  ["s3:host/bucket", "s3:host/bucket/x"],
  ["s3:https://host:9000/bucket/prefix/", "s3:https://host:9000/bucket/prefix/x"],
  ["rest:http://user:word@host:8000/", "rest:http://user:word@host:8000/x/"],
  ["rest:https://host/repo", "rest:https://host/repo/x/"],
  ["rest:http+unix:///run/a.socket:/repo/", "rest:http+unix:///run/a.socket:/repo/x/"],
  ["rest:http+unix:///run/a.socket", "rest:http+unix:///run/a.socket:/x/"],
  ["sftp:user@host:/srv/backup", "sftp:user@host:/srv/backup/x"],
  ["sftp:host:backup", "sftp:host:backup/x"],
  ["sftp:host:", "sftp:host:x"],
  ["sftp://user@host:2222//srv", "sftp://user@host:2222//srv/x"],
  ["sftp://host", "sftp://host/x"],
  ["b2:bucket", "b2:bucket:x"],
  ["b2:bucket:", "b2:bucket:x"],
  ["b2:bucket:some/prefix", "b2:bucket:some/prefix/x"],
  ["rclone:remote:", "rclone:remote:x"],
  ["rclone:remote:path", "rclone:remote:path/x"],
])("locationBelow() goes into %s", (location, expected) => {
  expect(locationBelow(location, "x")).toBe(expected);
});

test("locationBelow() does not guess for other kinds of stores", () => {
  expect(() => locationBelow("gs:bucket:/", "x")).toThrow(/not in this version/);
});
