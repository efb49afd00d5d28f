import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPeer, requirePeer, Workshop, type RunOptions, type RunResult } from "./peers.ts";

const SECRET = "correct horse";
let shop: Workshop;

function run(args: readonly string[], options?: RunOptions): Promise<RunResult> {
  return shop.runTsbak(["-r", shop.path("repo"), ...args], options);
}

/** Each line of a `--json` output, parsed. */
function messages(text: string): Record<string, unknown>[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

function locks(repository = "repo"): string[] {
  return readdirSync(shop.path(repository, "locks"));
}

describe.skipIf(!requirePeer("tsbak"))("tsbak", () => {
  beforeAll(async () => {
    shop = new Workshop();
    mkdirSync(shop.path("source", "sub"), { recursive: true });
    writeFileSync(shop.path("source", "a.txt"), "a");
    writeFileSync(shop.path("source", "sub", 'odd\n"<&>name'), "b");
    symlinkSync("a.txt", shop.path("source", "link"));
    await shop.must("tsbak", ["-r", shop.path("repo"), "init"]);
    await shop.must("tsbak", ["-r", shop.path("repo"), "backup", shop.path("source")]);
  });
  afterAll(() => shop.close());

  test.each([
    ["an unknown command", ["frobnicate"], 1],
    ["an unknown flag", ["snapshots", "--frobnicate"], 1],
    ["nothing to back up", ["backup"], 1],
    ["sources that do not exist", ["backup", "/does/not/exist"], 1],
    ["a missing argument", ["ls"], 1],
    ["no target", ["restore", "latest"], 1],
    ["include with exclude", ["restore", "latest", "-t", "x", "-i", "a", "-e", "b"], 1],
    ["quiet with verbose", ["snapshots", "-q", "-v"], 1],
    ["a snapshot that is not there", ["ls", "ffffffff"], 1],
    ["a bad time", ["backup", "--time", "yesterday", "/etc/hostname"], 1],
    ["an option that local stores do not have", ["snapshots", "-o", "local.foo=1"], 1],
    ["an option of no store", ["-o", "foo=1", "snapshots"], 1],
    ["an option without a value", ["snapshots", "-o", "local.connections"], 1],
    ["an option with two values", ["-o", "s3.region=a", "snapshots", "-o", "s3.region=b"], 1],
    ["no repository", ["-r", "/does/not/exist", "snapshots"], 10],
  ])("answers %s with one line and the right exit code", async (_, args, code) => {
    const text = await run(args);
    const json = await run(["--json", ...args]);

    expect(text.code).toBe(code);
    expect(text.stderr.trimEnd().split("\n").at(-1)).toMatch(/^Fatal: [^\n]+$/);
    expect(text.stderr).not.toMatch(/^ +at /m);
    expect(json.code).toBe(code);
    expect(messages(json.stderr).at(-1)).toMatchObject({ message_type: "exit_error", code });
  });

  test("prints help where a subcommand is missing, and refuses one that is unknown", async () => {
    for (const command of ["key", "repair"]) {
      const { code, stdout, stderr } = await run([command]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(new RegExp(`^Usage: tsbak ${command} `));
    }
    const { code, stderr } = await run(["key", "frobnicate"]);
    expect([code, stderr]).toEqual([
      1,
      "Fatal: unknown command 'frobnicate'; see \"tsbak key --help\"\n",
    ]);
  });

  test("answers a wrong password with exit code 12 and never shows it", async () => {
    const env = { TSBAK_PASSWORD: "topsecret" };

    const result = await run(["snapshots", "-v"], { env });

    expect(result.code).toBe(12);
    expect(result.stderr).toContain("wrong password");
    expect(result.stdout + result.stderr).not.toContain("topsecret");
  });

  test("reads the password from standard input that is no terminal", async () => {
    const env = { RESTIC_PASSWORD: "" };

    expect((await run(["list", "keys"], { env, input: `${SECRET}\n` })).code).toBe(0);
    expect((await run(["list", "keys"], { env, input: "" })).code).toBe(1);
  });

  test("takes global flags before and after the command", async () => {
    const before = await run(["--json", "snapshots"]);
    const after = await run(["snapshots", "--json"]);

    expect(before.stdout).toBe(after.stdout);
    expect(JSON.parse(after.stdout)).toHaveLength(1);
  });

  test("takes flags for stores, before and after the command", async () => {
    const flags = ["--cacert", "a.pem", "--insecure-tls", "--http-user-agent", "x"];

    const result = await run(["-o", "local.connections=3", ...flags, "snapshots", "-o", "s3.x=1"]);

    expect(result.code).toBe(0);
    expect(result.stderr).toBe("");
  });

  test("makes the snapshot with exit code 3 if a source is missing", async () => {
    const args = ["backup", "--tag", "partial", shop.path("source"), "/does/not/exist"];

    const text = await run(args);
    const json = await run([...args, "--json"]);

    expect(text.code).toBe(3);
    expect(text.stderr.match(/does\/not\/exist/g)).toHaveLength(1);
    expect(json.code).toBe(3);
    expect(messages(json.stderr).map((message) => message["message_type"])).toEqual([
      "error",
      "exit_error",
    ]);
    const snapshots = await run(["snapshots", "--json", "--tag", "partial"]);
    expect(JSON.parse(snapshots.stdout)).toHaveLength(2);
  });

  test("prints only the summary in cron, and nothing with --quiet", async () => {
    const usual = await run(["backup", shop.path("source")]);
    const quiet = await run(["backup", "--quiet", shop.path("source")]);

    expect(usual.stderr).toBe("");
    expect(usual.stdout).not.toContain("\u001b");
    expect(usual.stdout).toMatch(/^\nFiles:(.+\n){3}\nprocessed .+\nsnapshot [0-9a-f]{8} saved\n$/);
    expect(quiet).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("prints nothing but JSON with --json", async () => {
    const target = shop.path("restored");
    for (const args of [
      ["backup", "-vv", shop.path("source")],
      ["snapshots", "--group-by", "host,paths,tags"],
      ["ls", "latest"],
      ["restore", "latest", "--target", target, "-vv"],
      ["verify", "--read-data"],
      ["key", "list"],
      ["version"],
    ]) {
      const result = await run([...args, "--json"]);

      expect(result.code, args.join(" ")).toBe(0);
      expect(messages(result.stdout).length, args.join(" ")).toBeGreaterThan(0);
      expect(result.stderr).toBe("");
    }
  });

  test("says exit code 11 and what to do if somebody holds a lock", async () => {
    const child = startBlocked();
    await untilLocked();

    const result = await run(["verify"]);
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number | null];

    expect(result.code).toBe(11);
    expect(result.stderr).toContain("--retry-lock");
    expect(code).toBe(130);
    expect(locks()).toEqual([]);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("leaves no lock after %s", async (signal) => {
    const child = startBlocked();
    await untilLocked();

    child.kill(signal);
    const [code] = (await once(child, "close")) as [number | null];

    expect(code).toBe(130);
    expect(locks()).toEqual([]);
  });

  test("adds, lists, changes and removes keys", async () => {
    const file = shop.path("new-password");
    writeFileSync(file, "second\n");
    const add = ["key", "add", "--new-password-file", file, "--user", "ana", "--host", "there"];
    const added = /ID ([0-9a-f]{64})/.exec((await run(add)).stdout)?.[1] ?? "";
    const env = { TSBAK_PASSWORD: "second" };

    const listed = JSON.parse((await run(["key", "list", "--json"], { env })).stdout) as object[];
    expect(listed).toContainEqual(
      expect.objectContaining({ id: added, current: true, userName: "ana", hostName: "there" }),
    );
    expect((await run(["key", "remove", added], { env })).code).toBe(1);
    writeFileSync(file, "third\n");
    expect((await run(["key", "passwd", "--new-password-file", file], { env })).code).toBe(0);
    expect((await run(["snapshots"], { env })).code).toBe(12);
    const third = { TSBAK_PASSWORD: "third" };
    const keys = (await run(["list", "keys"], { env: third })).stdout.trim().split("\n");
    expect(keys).toHaveLength(2);
    expect(keys).not.toContain(added);
    for (const key of keys) await run(["key", "remove", key]);
    expect((await run(["snapshots"], { env: third })).code).toBe(12);
  });

  test.skipIf(!requirePeer("restic"))(
    "prints what restic prints of the same repository",
    async () => {
      const id = readdirSync(shop.path("repo", "snapshots"))[0] ?? "";
      for (const args of [
        ["snapshots", "--json"],
        ["snapshots", "--json", "--latest", "1"],
        ["snapshots", "--json", "--group-by", "host,paths"],
        ["ls", "--json", "latest"],
        ["ls", "--json", "latest", shop.path("source")],
        ["ls", "--json", `latest:${shop.path("source")}`, "/sub"],
        ["cat", "config"],
        ["cat", "masterkey"],
        ["cat", "snapshot", id],
        ["cat", "tree", id],
        ["key", "list", "--json"],
        ["list", "keys"],
        ["list", "locks"],
      ]) {
        const theirs = await shop.runRestic("", ["-r", shop.path("repo"), ...args]);

        expect((await run(args)).stdout, args.join(" ")).toBe(theirs.stdout);
      }
    },
  );
});

/** A backup of its standard input, which nobody ends: it holds its lock until it is told to stop. */
function startBlocked(): ChildProcess {
  const [program = "", ...first] = findPeer("tsbak") ?? [];
  return spawn(program, [...first, "-r", shop.path("repo"), "backup", "--stdin"], {
    env: shop.environment(),
    stdio: ["pipe", "ignore", "ignore"],
  });
}

async function untilLocked(): Promise<void> {
  while (locks().length === 0) await wait(20);
  // The lock is checked once more before the work begins.
  await wait(500);
}
