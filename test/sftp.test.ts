/**
 * The whole program on an SSH server, with restic beside it in the same repository. Both find the server through an `ssh` that comes
 * first in the path and brings its own settings, since ssh looks for a user's in the home that the system knows.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { compareTrees } from "./compare-trees.ts";
import { findPeer, requirePeer, Workshop, type RunOptions } from "./peers.ts";
import { makeRandomTree } from "./random-tree.ts";
import { requireSshd, startSshd, type Sshd } from "./servers/sshd.ts";

const isThere = [requirePeer("tsbak"), requirePeer("restic"), requireSshd()].every(Boolean);

describe.skipIf(!isThere)("tsbak over SFTP", () => {
  let workshop: Workshop;
  let server: Sshd;
  let options: RunOptions;

  beforeAll(async () => {
    workshop = new Workshop();
    server = await startSshd(workshop.path("server"));
    mkdirSync(workshop.path("bin"));
    const ssh = workshop.path("bin", "ssh");
    writeFileSync(ssh, `#!/bin/sh\nexec /usr/bin/ssh -F '${server.clientConfig}' "$@"\n`);
    chmodSync(ssh, 0o755);
    options = { env: { PATH: `${workshop.path("bin")}:${process.env.PATH}` } };
    makeRandomTree(workshop.path("source"), { seed: 5, files: 300, size: 40e6 });
  });

  afterAll(async () => {
    await server.stop();
    workshop.close();
  });

  const countLogins = (): number =>
    readFileSync(workshop.path("server", "sshd.log"), "utf8").split("Accepted publickey").length;
  const differences = (target: string): string[] =>
    compareTrees(workshop.path("source"), workshop.path(target));

  test("backs up, restores and verifies, and restic does so in the same repository", async () => {
    const source = { ...options, cwd: workshop.path("source") };
    const tool = (name: "tsbak" | "restic", args: string[], where = options): Promise<string> =>
      workshop.must(name, ["-r", `sftp:store:${workshop.path("repository")}`, ...args], where);
    const restoreTo = (name: string): string[] => ["latest", "--target", workshop.path(name)];

    await tool("tsbak", ["init"]);
    await tool("tsbak", ["backup", "."], source);
    const second = await tool("tsbak", ["backup", "--json", "."], source);
    expect(second).toMatch(/"files_new":0,"files_changed":0,/);
    await tool("tsbak", ["restore", ...restoreTo("ours")]);
    expect(differences("ours")).toEqual([]);
    await tool("tsbak", ["verify", "--read-data"]);

    await tool("restic", ["check", "--read-data"]);
    await tool("restic", ["restore", ...restoreTo("theirs")]);
    expect(differences("theirs")).toEqual([]);
    writeFileSync(workshop.path("source", "added"), "by restic");
    await tool("restic", ["backup", "."], source);

    expect(await tool("tsbak", ["ls", "latest"])).toContain("/added");
    await tool("tsbak", ["restore", ...restoreTo("again")]);
    expect(differences("again")).toEqual([]);
    await tool("tsbak", ["verify", "--read-data"]);
  });

  test("takes sftp.args and sftp.command as restic does", async () => {
    const config = `-F '${server.clientConfig}'`;
    const ways = [
      ["-r", `sftp:store:${workshop.path("options")}`, "-o", `sftp.args=${config}`],
      [
        ...["-r", `sftp:nobody:${workshop.path("options")}`],
        ...["-o", `sftp.command=/usr/bin/ssh ${config} store -s sftp`],
      ],
    ];

    await workshop.must("tsbak", [...(ways[0] ?? []), "init"]);

    for (const way of ways) {
      for (const tool of ["tsbak", "restic"] as const)
        expect(await workshop.must(tool, [...way, "list", "keys"])).toMatch(/[0-9a-f]{64}/);
    }
  });

  test("removes its lock when Ctrl-C goes to the whole terminal, ssh too", async () => {
    const root = workshop.path("interrupted");
    await workshop.must("tsbak", ["-r", `sftp:store:${root}`, "init"], options);
    const logins = countLogins();
    const [program = "", ...first] = findPeer("tsbak") ?? [];
    const args = ["-r", `sftp:store:${root}`, "backup", "--stdin", "--stdin-filename", "endless"];
    const child = spawn(program, [...first, ...args], {
      env: { ...workshop.environment(), ...options.env },
      stdio: ["pipe", "ignore", "pipe"],
      // A process group of its own, as a terminal gives each command.
      detached: true,
    });
    const printed: Uint8Array[] = [];
    child.stderr.on("data", (chunk: Uint8Array) => printed.push(chunk));
    const ended = new Promise((resolve) => child.once("close", resolve));
    while (readdirSync(`${root}/locks`).length === 0) await new Promise(setImmediate);

    process.kill(-(child.pid ?? 0), "SIGINT");

    expect([await ended, Buffer.concat(printed).toString("utf8")]).toEqual([
      130,
      expect.not.stringContaining("lock"),
    ]);
    expect(readdirSync(`${root}/locks`)).toEqual([]);
    // Not by a second connection, for which somebody might have to type a password.
    expect(countLogins()).toBe(logins + 1);
  });
});
