/**
 * Where the password comes from: a flag, else the environment, else a question (restic's order). A command or file goes
 * before the variable that holds the password itself. Passwords are never printed, nor are commands, which may hold one.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { splitShellWords } from "@tsbak/backends";
import { isTsbakError, TsbakError } from "@tsbak/core";
import { firstSetting, type Environment } from "./environment.ts";
import { askHidden, readFirstLine, type Terminal } from "./prompt.ts";
import { decodeTextFile } from "./text-file.ts";

/** What was said about a password. */
export interface PasswordWish {
  readonly file?: string | undefined;
  readonly command?: string | undefined;
  /** The password itself, from the environment. */
  readonly text?: string | undefined;
  /** It is empty, and that is meant. */
  readonly isEmpty: boolean;
  /** The flag that says so, if it is another than `--insecure-no-password`. */
  readonly emptyFlag?: string | undefined;
}

/** The flags about one password, by whatever names. */
export interface PasswordFlags {
  readonly file?: string | undefined;
  readonly command?: string | undefined;
  readonly isEmpty?: boolean | undefined;
}

/** What gives the password of a repository, for whoever gave none. */
const USUAL_WAYS = "--password-file, --password-command or TSBAK_PASSWORD";
/** Tries on a terminal. */
const TRIES = 3;

/**
 * Choose between flags and environment. `prefix` is `FROM_` for the password of another repository.
 *
 * @throws {TsbakError} `invalid-argument` if they contradict each other.
 */
export function choosePassword(
  flags: PasswordFlags,
  environment: Environment,
  prefix = "",
): PasswordWish {
  if (flags.file !== undefined && flags.command !== undefined) {
    throw badWish("a password file and a password command were given; give one of them");
  }
  const wish = fromFlags(flags) ?? fromEnvironment(environment, prefix);
  if (flags.isEmpty !== true) return { ...wish, isEmpty: false };
  if (Object.keys(wish).length === 0) return { isEmpty: true };
  throw badWish("--insecure-no-password and a password were given; give one of them");
}

function fromFlags({ file, command }: PasswordFlags): Omit<PasswordWish, "isEmpty"> | undefined {
  if (file !== undefined) return { file };
  return command === undefined ? undefined : { command };
}

function fromEnvironment(environment: Environment, prefix: string): Omit<PasswordWish, "isEmpty"> {
  const names = ["COMMAND", "FILE"].map((name) => `${prefix}PASSWORD_${name}`);
  const found = firstSetting(environment, [...names, `${prefix}PASSWORD`]);
  if (found === undefined) return {};
  if (found.name.endsWith("COMMAND")) return { command: found.value };
  return found.name.endsWith("FILE") ? { file: found.value } : { text: found.value };
}

/** The password if it can be had without asking anybody. */
export async function loadPassword(
  wish: PasswordWish,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (wish.isEmpty) return "";
  if (wish.command !== undefined) return refuseEmpty(wish, await runCommand(wish.command, signal));
  if (wish.file !== undefined) return refuseEmpty(wish, await readPasswordFile(wish.file));
  return wish.text;
}

/** How `openWithPassword` asks. */
export interface AskOptions {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Called before a question; what it throws is thrown. */
  readonly beforeAsking: () => Promise<void>;
  /** Called when a typed password was wrong and there is another try. */
  readonly onWrong: () => void;
}

/**
 * Call `open` with the password. Where it has to be typed, a wrong one may be corrected twice.
 *
 * @throws {TsbakError} what `open` throws; `invalid-argument` for an empty password that was not asked for.
 */
export async function openWithPassword<T>(
  wish: PasswordWish,
  options: AskOptions,
  open: (password: string) => Promise<T>,
): Promise<T> {
  const { terminal, signal } = options;
  const password = await loadPassword(wish, signal);
  if (password !== undefined) return open(password);
  await options.beforeAsking();
  if (!terminal.input.isTTY) return open(await readPipedPassword(terminal, signal));
  for (let attempt = 1; ; attempt++) {
    const typed = await askHidden(terminal, "enter password for repository: ", signal);
    try {
      return await open(refuseEmpty(wish, typed));
    } catch (error) {
      if (!isTsbakError(error, "wrong-password") || attempt === TRIES) throw error;
      options.onWrong();
    }
  }
}

/**
 * The password for a new key; on a terminal it is asked for twice. `ways` are the flags and variables that give it, for whoever gave none.
 *
 * @throws {TsbakError} `invalid-argument` if the two differ.
 */
export async function loadNewPassword(
  wish: PasswordWish,
  terminal: Terminal,
  signal: AbortSignal,
  ways: string = USUAL_WAYS,
): Promise<string> {
  const password = await loadPassword(wish, signal);
  if (password !== undefined) return password;
  if (!terminal.input.isTTY) return readPipedPassword(terminal, signal, ways);
  const first = refuseEmpty(wish, await askHidden(terminal, "enter new password: ", signal));
  const second = await askHidden(terminal, "enter password again: ", signal);
  if (first === second) return first;
  throw badWish("the two passwords are not the same; try again");
}

/** The first line of an input that is no terminal. In cron there is none. */
async function readPipedPassword(
  { input }: Terminal,
  signal: AbortSignal,
  ways: string = USUAL_WAYS,
): Promise<string> {
  const password = await readFirstLine(input, signal);
  if (password !== "") return password;
  throw badWish(`nobody gave one; use ${ways}`);
}

async function readPasswordFile(path: string): Promise<string> {
  try {
    return decodeTextFile(await readFile(path)).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TsbakError(
      "invalid-argument",
      `Cannot read password file ${path}: ${code === "ENOENT" ? "there is none" : code}; check the path`,
      { cause: error },
    );
  }
}

async function runCommand(command: string, signal: AbortSignal): Promise<string> {
  const [program = "", ...args] = splitShellWords(command, "--password-command");
  try {
    const running = promisify(execFile)(program, args, { encoding: "buffer", signal });
    running.child.stderr?.pipe(process.stderr, { end: false });
    running.child.stdin?.end();
    return decodeTextFile((await running).stdout).trim();
  } catch (error) {
    const { code } = error as { code?: string | number };
    // Node's message quotes the whole command, and the cause is printed with --verbose: neither may be passed on.
    const reason =
      typeof code === "number" ? `it ended with exit code ${code}` : (code ?? "it failed");
    throw badWish(`the password command did not give one, ${reason}; run it by hand to see why`);
  }
}

function refuseEmpty(wish: PasswordWish, password: string): string {
  if (password !== "") return password;
  throw badWish(`it is empty; if that is meant, add ${wish.emptyFlag ?? "--insecure-no-password"}`);
}

function badWish(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot use password: ${reason}`);
}
