import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { choosePassword, loadNewPassword, loadPassword, openWithPassword } from "./password.ts";

const { signal } = new AbortController();
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsbak-password-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileOf(bytes: Uint8Array | string): string {
  const file = join(folder, String(Math.random()));
  writeFileSync(file, bytes);
  return file;
}

describe("choosePassword()", () => {
  const environment = { RESTIC_PASSWORD: "p", RESTIC_PASSWORD_FILE: "f" };

  test("takes a flag before the environment", () => {
    expect(choosePassword({ command: "c" }, environment)).toEqual({ command: "c", isEmpty: false });
  });

  test("takes a file or command before the password itself", () => {
    expect(choosePassword({}, environment)).toEqual({ file: "f", isEmpty: false });
    expect(choosePassword({}, { ...environment, RESTIC_PASSWORD_COMMAND: "c" })).toEqual({
      command: "c",
      isEmpty: false,
    });
  });

  test("takes our own variables before restic's", () => {
    expect(choosePassword({}, { ...environment, TSBAK_PASSWORD: "ours" }).text).toBe("ours");
  });

  test("refuses a file together with a command, and a password that should be empty", () => {
    expect(() => choosePassword({ file: "f", command: "c" }, {})).toThrow(/one of them/);
    expect(() => choosePassword({ isEmpty: true }, environment)).toThrow(/one of them/);
    expect(choosePassword({ isEmpty: true }, {})).toEqual({ isEmpty: true });
  });

  test("looks at other variables for another repository", () => {
    const other = { RESTIC_FROM_PASSWORD: "other", RESTIC_PASSWORD: "p" };

    expect(choosePassword({}, other, "FROM_").text).toBe("other");
  });
});

describe("loadPassword()", () => {
  test.each([
    ["UTF-8", Buffer.from("  sesam öffne dich \r\n")],
    ["UTF-8 with a mark", Buffer.from("\ufeffsesam öffne dich\n")],
    ["UTF-16, little end first", Buffer.from("\ufeffsesam öffne dich\n", "utf16le")],
    ["UTF-16, big end first", Buffer.from("\ufeffsesam öffne dich\n", "utf16le").swap16()],
  ])("reads a file in %s and trims it", async (_, bytes) => {
    const wish = { file: fileOf(bytes), isEmpty: false };

    expect(await loadPassword(wish, signal)).toBe("sesam öffne dich");
  });

  test("runs a command without a shell", async () => {
    const wish = { command: `printf '%s\\n' "a b  $HOME"`, isEmpty: false };

    expect(await loadPassword(wish, signal)).toBe("a b  $HOME");
  });

  test("never shows a command that failed", async () => {
    const wish = { command: "no-such-program topsecret", isEmpty: false };

    const error: unknown = await loadPassword(wish, signal).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ code: "invalid-argument" });
    expect((error as Error).cause).toBeUndefined();
    expect(String(error)).not.toContain("topsecret");
  });

  test("refuses an empty file", async () => {
    const wish = { file: fileOf("\n"), isEmpty: false };

    await expect(loadPassword(wish, signal)).rejects.toThrow(/--insecure-no-password/);
  });
});

test("openWithPassword() takes the first line of an input that is no terminal", async () => {
  const input = new PassThrough();
  input.end("first\nsecond\n");
  const terminal = { input: input as unknown as NodeJS.ReadStream, output: process.stderr };
  const options = {
    terminal,
    signal,
    beforeAsking: async () => undefined,
    onWrong: () => undefined,
  };

  const opened = await openWithPassword({ isEmpty: false }, options, async (password) => password);

  expect(opened).toBe("first");
});

test("loadNewPassword() names the ways to give one when nobody did", async () => {
  const input = new PassThrough();
  input.end();
  const terminal = { input: input as unknown as NodeJS.ReadStream, output: process.stderr };

  const password = loadNewPassword({ isEmpty: false }, terminal, signal, "--new-password-file");

  await expect(password).rejects.toThrow(/nobody gave one; use --new-password-file$/);
});
