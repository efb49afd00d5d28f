import { TsbakError } from "@tsbak/core";

import { countOption, optionOf } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";
import { splitShellWords } from "../shell-words.ts";

/** What is to be run, and how. */
export interface RcloneCommand {
  /** As it may be shown: `rclone:remote:path`. Values in connection strings are masked. */
  readonly shown: string;
  /** What must not be shown of it, the longest first. */
  readonly secrets: readonly string[];
  readonly program: string;
  readonly args: readonly string[];
  /** For the first answer. */
  readonly timeoutMs: number;
  readonly connections: number;
}

/** restic's. */
const PROGRAM = "rclone";
const ARGS = "serve restic --stdio --b2-hard-delete";
const TIMEOUT = "1m";
const CONNECTIONS = 5;

/** A remote may be a connection string with keys in it: `:s3,access_key_id=A,secret_access_key=B:bucket`. */
const PARAMETER = /,(\w+)=("(?:[^"]|"")*"|'(?:[^']|'')*'|[^,:]*)/g;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * The command for the remote that follows `rclone:`.
 *
 * @throws {TsbakError} `invalid-argument` for an empty remote or an option that is not understood.
 */
export function rcloneCommand(remote: string, settings: BackendSettings): RcloneCommand {
  if (remote === "" || remote.startsWith("-")) {
    throw new TsbakError(
      "invalid-argument",
      'Cannot open the repository: after "rclone:" comes a remote and a path, as in rclone:remote:path',
    );
  }
  const words = (name: string, fallback: string): string[] =>
    splitShellWords(optionOf(settings, name) ?? fallback, `-o ${name}`);
  const [program = PROGRAM, ...first] = words("rclone.program", PROGRAM);
  return {
    shown: `rclone:${remote.replace(PARAMETER, ",$1=***")}`,
    secrets: secretsOf(remote),
    program,
    args: [...first, ...words("rclone.args", ARGS), remote],
    timeoutMs: parseDuration(optionOf(settings, "rclone.timeout") ?? TIMEOUT),
    connections: countOption(settings, "rclone.connections", CONNECTIONS),
  };
}

/** Without the quotes, which are written in other ways in messages. */
function secretsOf(remote: string): string[] {
  const values = Array.from(remote.matchAll(PARAMETER), ([, , value = ""]) => value);
  const bare = values.map((value) => value.replace(/^(["'])(.*)\1$/s, "$2"));
  return bare.filter((value) => value !== "").sort((a, b) => b.length - a.length);
}

/** `90s`, `1m30s`, as restic takes it. In milliseconds. */
function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const total = parts.reduce((sum, [, n, unit]) => sum + Number(n) * (UNITS[unit ?? ""] ?? 0), 0);
  // Longer than a timer can wait would be no wait at all.
  if (parts.map(([part]) => part).join("") === text && total > 0 && total < 2 ** 31) return total;
  throw new TsbakError(
    "invalid-argument",
    `Cannot use -o rclone.timeout=${text}: it takes a duration such as 90s or 2m`,
  );
}
