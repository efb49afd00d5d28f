import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";

const SECRET = "s3cr3t/+Word";
const IN_URL = encodeURIComponent(SECRET);
/** Nobody listens there. */
const NOWHERE = "127.0.0.1:9";

let shop: Workshop;

/** Forms in which the secret could come to light. */
function traces(text: string): string[] {
  const pairs = ["me", "key", "AKIDEXAMPLE"].map((user) => `${user}:${SECRET}`);
  const encoded = pairs.map((pair) => Buffer.from(pair).toString("base64").replace(/=+$/, ""));
  return [SECRET, IN_URL, ...encoded].filter((form) => text.includes(form));
}

/** A program that notes its arguments and fails. */
function addProgram(name: string): string {
  const path = shop.path("bin", name);
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$@" >> "${shop.path("arguments")}"\nexit 1\n`);
  chmodSync(path, 0o755);
  return path;
}

/** The location, the environment, and flags. */
const PLACES: readonly [
  name: string,
  location: string,
  environment: Readonly<Record<string, string>>,
  flags?: readonly string[],
][] = [
  ["REST, in the location", `rest:http://me:${IN_URL}@${NOWHERE}/path/`, {}],
  ["REST over TLS", `rest:https://me:${IN_URL}@${NOWHERE}/path/`, {}],
  ["REST with a bad address", `rest:http://me:${IN_URL}@${NOWHERE}:x:y/path`, {}],
  ["REST, unencoded", `rest:http://me:${SECRET}@${NOWHERE}/path`, {}],
  [
    "REST, in the environment",
    `rest:http://${NOWHERE}/`,
    { RESTIC_REST_USERNAME: "me", RESTIC_REST_PASSWORD: SECRET },
  ],
  [
    "S3, in the environment",
    `s3:http://${NOWHERE}/bucket`,
    {
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: SECRET,
      AWS_SESSION_TOKEN: `token-${SECRET}`,
    },
  ],
  ["S3, in the location", `s3:http://key:${IN_URL}@${NOWHERE}/bucket`, { AWS_REGION: "x" }],
  [
    "B2",
    "b2:bucket:path",
    { B2_ACCOUNT_ID: "key", B2_ACCOUNT_KEY: SECRET },
    ["-o", `b2.endpoint=http://${NOWHERE}`],
  ],
  ["SFTP", `sftp://me:${IN_URL}@${NOWHERE}/path`, {}],
  ["rclone", "rclone:remote:path", { RCLONE_CONFIG_REMOTE_PASS: SECRET }],
  ["Azure", `azure:${IN_URL}:/`, { AZURE_ACCOUNT_KEY: SECRET }],
  ["an unknown kind", `ftp://me:${SECRET}@host/path`, {}],
  ["an unknown option", `rest:http://me:${IN_URL}@${NOWHERE}/`, {}, ["-o", `rest.x=${SECRET}`]],
  ["an option without a value", "repo", {}, ["-o", SECRET]],
];

describe.skipIf(!requirePeer("tsbak"))("A secret", () => {
  beforeAll(() => {
    shop = new Workshop();
    mkdirSync(shop.path("bin"));
    for (const name of ["ssh", "rclone"]) addProgram(name);
  });
  afterAll(() => shop.close());

  test.each(PLACES)(
    "for %s is neither printed nor given to a program",
    async (_, repo, env, flags = []) => {
      const path = `${shop.path("bin")}:${process.env.PATH ?? ""}`;
      const options = { env: { ...env, PATH: path }, cwd: shop.folder };
      const args = ["snapshots", "--retry-time", "0", ...flags];
      const file = shop.path("location");
      writeFileSync(file, repo);

      const results = await Promise.all([
        shop.runTsbak(["-r", repo, ...args, "-vv"], options),
        shop.runTsbak(["--repository-file", file, ...args, "--json"], options),
        shop.runTsbak([...args, "-v"], {
          ...options,
          env: { ...options.env, TSBAK_REPOSITORY: repo },
        }),
      ]);

      for (const { code, stdout, stderr } of results) {
        expect(code).toBeGreaterThan(0);
        expect(stderr).toMatch(/Fatal: |"exit_error"/);
        expect(traces(stdout + stderr), stderr).toEqual([]);
      }
      if (existsSync(shop.path("arguments"))) {
        expect(traces(readFileSync(shop.path("arguments"), "utf8"))).toEqual([]);
      }
    },
  );
});
