import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backupStep } from "./steps.ts";
import { requirePeer, Workshop, type RunOptions, type RunResult, type ToolName } from "./peers.ts";

let shop: Workshop;

function run(args: readonly string[], options?: RunOptions): Promise<RunResult> {
  return shop.runTsbak(["-r", shop.path("repo"), ...args], options);
}

async function snapshotCount(): Promise<number> {
  return (JSON.parse((await run(["snapshots", "--json"])).stdout) as unknown[]).length;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!requirePeer("tsbak") || !requirePeer("restic"))("tsbak backup", () => {
  beforeAll(async () => {
    shop = new Workshop();
    await shop.must("tsbak", ["-r", shop.path("repo"), "init"]);
  });
  afterAll(() => shop.close());

  test("saves what a command prints, and passes on what it complains of", async () => {
    const command = ["sh", "-c", "echo data; echo complaint >&2"];
    const args = ["backup", "--stdin-from-command", "--stdin-filename", "/db/dump.sql", "--"];

    const result = await run([...args, ...command]);
    const dump = ["-r", shop.path("repo"), "dump", "latest", "/db/dump.sql"];

    expect(result.code).toBe(0);
    expect(result.stderr).toBe("subprocess sh: complaint\n");
    expect(await shop.must("restic", dump)).toBe("data\n");
  });

  test("makes no snapshot if the command fails after all it printed", async () => {
    const before = await snapshotCount();

    const result = await run([
      "backup",
      "--stdin-from-command",
      "--",
      "sh",
      "-c",
      "echo x; exit 7",
    ]);

    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^Fatal: .*it failed with exit code 7; no snapshot was made\n$/);
    expect(await snapshotCount()).toBe(before);
  });

  test("ends the command when it is interrupted", async () => {
    const file = shop.path("pid");
    const script = `echo $$ > '${file}'; echo x; exec sleep 1000`;
    const args = ["backup", "--stdin-from-command", "--", "sh", "-c", script];
    const child = shop.start("tsbak", ["-r", shop.path("repo"), ...args]);
    while (!existsSync(file) || readFileSync(file, "utf8") === "") await wait(50);

    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number | null];

    expect(code).toBe(130);
    expect(isRunning(Number(readFileSync(file, "utf8")))).toBe(false);
  });

  test("counts a file as unmodified whose change is to be ignored, as restic does", async () => {
    const folder = shop.path("ignoring");
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "contents");
    await run(["backup", folder]);
    chmodSync(join(folder, "file"), 0o600);
    chmodSync(join(folder, "file"), 0o644);
    const counts = async (tool: ToolName, flags: readonly string[]): Promise<unknown[]> => {
      const args = ["-r", shop.path("repo"), "backup", "--dry-run", "--json", ...flags, folder];
      const lines = (await shop.must(tool, args)).trim().split("\n");
      const summary = JSON.parse(lines.at(-1) ?? "") as Record<string, unknown>;
      return [summary.files_unmodified, summary.files_changed, summary.files_new];
    };

    for (const flags of [["--ignore-ctime"], ["--ignore-inode"]]) {
      const ours = await counts("tsbak", flags);
      expect(ours).toEqual([1, 0, 0]);
      expect(ours).toEqual(await counts("restic", flags));
    }
  });

  test("leaves out what restic leaves out, each with the other's snapshot as parent", async () => {
    const folder = shop.path("selected");
    const write = (path: string, contents: string): void => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), contents);
    };
    write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    write("cache/sub/file", "1");
    write("short/CACHEDIR.TAG", "Signature");
    write("short/file", "2");
    write("private/.nobackup", "x");
    write("private/large", "3".repeat(3000));
    symlinkSync("x".repeat(2000), join(folder, "short", "symlink"));
    const treeOf = async (tool: ToolName, flags: readonly string[]): Promise<string> =>
      (await backupStep(repository, tool, "selected", { args: flags, cwd: shop.folder })).tree;
    const repository = { workshop: shop, folder: shop.path("repo") };

    for (const flags of [
      ["--exclude-caches"],
      ["--exclude-if-present", ".nobackup", "--exclude-larger-than", "1K"],
      ["--exclude-if-present=.nobackup:x", "--exclude-if-present", "CACHEDIR.TAG"],
    ]) {
      expect(await treeOf("tsbak", flags), flags.join(" ")).toBe(await treeOf("restic", flags));
    }
  });

  test("explains what it would do with a path, and why", async () => {
    const folder = shop.path("explained");
    mkdirSync(folder);
    writeFileSync(join(folder, "file.o"), "contents");
    writeFileSync(shop.path("patterns"), "# objects\n*.o\n");
    const flags = ["--exclude-file", shop.path("patterns"), "--explain", join(folder, "file.o")];

    const text = await run(["backup", "--dry-run", ...flags, folder]);
    const json = await run(["backup", "--dry-run", "--json", ...flags, folder]);

    const reason = `matches the pattern "*.o" in ${shop.path("patterns")}, line 2`;
    expect(text.stdout).toBe(`${join(folder, "file.o")} is left out: it ${reason}\n`);
    expect(JSON.parse(json.stdout)).toEqual({
      message_type: "explanation",
      path: join(folder, "file.o"),
      saved: false,
      decided_by: join(folder, "file.o"),
      reason,
    });
    expect((await run(["backup", ...flags, folder])).code).toBe(1);
  });

  test("says that something is wrong with a stream without data", async () => {
    const { code, stderr } = await run(["backup", "--stdin"], { input: "" });

    expect(code).toBe(3);
    expect(stderr).toContain("error: /stdin: no data read");
  });
});
