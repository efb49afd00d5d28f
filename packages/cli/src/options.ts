/**
 * Flags that several commands share.
 *
 * @module
 */
import { Option, type Command } from "commander";
import {
  parseCompression,
  parseDuration,
  parseGrouping,
  parsePackSize,
  parseRate,
  parseSize,
  parseTags,
  type CompressionFlag,
} from "./parse-values.ts";

/** What every command understands, before and after its name. Absent means not given. */
export interface GlobalFlags {
  readonly repo?: string;
  readonly repositoryFile?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  readonly keyHint?: string;
  readonly insecureNoPassword?: boolean;
  readonly quiet?: boolean;
  /** How often `-v` was given. */
  readonly verbose?: number;
  readonly verboseLevel?: number;
  readonly json?: boolean;
  readonly lock?: false;
  /** Milliseconds. */
  readonly retryLock?: number;
  readonly autoUnlock?: boolean;
  readonly cacheDir?: string;
  readonly cache?: false;
  /** Bytes. */
  readonly cacheLimit?: number;
  readonly cleanupCache?: boolean;
  readonly compression?: CompressionFlag;
  /** Bytes. */
  readonly packSize?: number;
  readonly extraVerify?: false;
  /** Of stores: each `key=value`, or several with commas between. */
  readonly option?: readonly string[];
  readonly cacert?: readonly string[];
  readonly tlsClientCert?: string;
  readonly insecureTls?: boolean;
  readonly httpUserAgent?: string;
  /** Bytes a second; 0 for no limit. */
  readonly limitUpload?: number;
  readonly limitDownload?: number;
  /** Milliseconds. */
  readonly stuckRequestTimeout?: number;
  readonly retryTime?: number;
}

/** Which snapshots a command is about. */
export interface FilterFlags {
  readonly host?: readonly string[];
  /** AND inside a list, OR between them. */
  readonly tag?: readonly (readonly string[])[];
  readonly path?: readonly string[];
}

/** Gather the values of a flag that may be repeated. */
export function collect<T>(parse: (text: string) => T): (text: string, before?: T[]) => T[] {
  return (text, before) => [...(before ?? []), parse(text)];
}

/** The text as it is, for `collect`. */
export const asText = (text: string): string => text;

/** Declare the flags of `GlobalFlags` on a command. */
export function addGlobalOptions(command: Command): Command {
  const countUp = (_: unknown, before: number | undefined): number => (before ?? 0) + 1;
  return command
    .optionsGroup("Global options:")
    .option("-r, --repo <location>", "repository to work on ($TSBAK_REPOSITORY)")
    .option("--repository-file <file>", "file that holds the location ($TSBAK_REPOSITORY_FILE)")
    .option("-p, --password-file <file>", "file that holds the password ($TSBAK_PASSWORD_FILE)")
    .option("--password-command <command>", "prints the password ($TSBAK_PASSWORD_COMMAND)")
    .option("--key-hint <id>", "key to try first ($TSBAK_KEY_HINT)")
    .option("--insecure-no-password", "the password is empty")
    .option("-q, --quiet", "say nothing but errors and results")
    .addOption(new Option("-v, --verbose", "say more; twice: name every file").argParser(countUp))
    .addOption(new Option("--verbose-level <n>").argParser(Number).hideHelp())
    .option("--json", "print JSON, one message a line")
    .option("--no-lock", "take no lock; only for commands that read")
    .option("--retry-lock <duration>", "wait that long for a lock, such as 5m", parseDuration)
    .option("--auto-unlock", "watch locks in the way for 30 to 40 minutes, remove abandoned ones")
    .option("--cache-dir <folder>", "where the cache lies ($TSBAK_CACHE_DIR)")
    .option("--no-cache", "use no cache")
    .option("--cache-limit <size>", "keep all caches within it ($TSBAK_CACHE_LIMIT)", parseSize)
    .option("--cleanup-cache", "remove caches that nobody used for 30 days")
    .option("--compression <level>", "auto, off, fastest, better or max", parseCompression)
    .option("--pack-size <MiB>", "size of a pack, 4 to 128 (default: 16)", parsePackSize)
    .option("--no-extra-verify", "do not check data again before it is stored")
    .option("-o, --option <key=value>", "of the store, as s3.region (repeatable)", collect(asText))
    .option(
      "--cacert <file>",
      "authority to trust, PEM (repeatable; $TSBAK_CACERT)",
      collect(asText),
    )
    .option("--tls-client-cert <file>", "certificate and key, PEM ($TSBAK_TLS_CLIENT_CERT)")
    .option("--insecure-tls", "trust whoever answers for the store")
    .option("--http-user-agent <text>", "name for requests over HTTP ($TSBAK_HTTP_USER_AGENT)")
    .option("--limit-upload <KiB/s>", "send no more in a second", parseRate)
    .option("--limit-download <KiB/s>", "receive no more in a second", parseRate)
    .option(
      "--stuck-request-timeout <duration>",
      "repeat what does not move that long (default: 5m)",
      parseDuration,
    )
    .option(
      "--retry-time <duration>",
      "repeat what fails no longer than that (default: 15m)",
      parseDuration,
    );
}

/** Declare the flags of `FilterFlags` on a command. */
export function addFilterOptions(command: Command): Command {
  return command
    .option("-H, --host <name>", "only snapshots of this host (repeatable)", collect(asText))
    .option("--tag <tags>", "only snapshots with all these tags (repeatable)", collect(parseTags))
    .option("--path <path>", "only snapshots with this path (repeatable)", collect(asText));
}

/** Declare `--group-by` on a command. */
export function addGroupOption(command: Command, help: string): Command {
  return command.option("-g, --group-by <list>", help, parseGrouping);
}

/** Declare the flags that say where another repository is and how it opens. */
export function addFromOptions(command: Command): Command {
  return command
    .option("--from-repo <location>", "the other repository ($TSBAK_FROM_REPOSITORY)")
    .option("--from-repository-file <file>", "file that holds its location")
    .option("--from-password-file <file>", "file that holds its password")
    .option("--from-password-command <command>", "prints its password")
    .option("--from-key-hint <id>", "its key to try first")
    .option("--from-insecure-no-password", "its password is empty");
}

/** What `addFromOptions` gives. */
export interface FromFlags {
  readonly fromRepo?: string;
  readonly fromRepositoryFile?: string;
  readonly fromPasswordFile?: string;
  readonly fromPasswordCommand?: string;
  readonly fromKeyHint?: string;
  readonly fromInsecureNoPassword?: boolean;
}

/** What was given to a command and to those above it, the nearest winning; `-v` and lists add up. Defaults are left out. */
export function givenFlags(command: Command): Record<string, unknown> {
  const flags: Record<string, unknown> = command.parent ? givenFlags(command.parent) : {};
  for (const [name, value] of Object.entries(command.opts<Record<string, unknown>>())) {
    if (command.getOptionValueSource(name) === "default") continue;
    const before = flags[name];
    if (name === "verbose") flags[name] = Number(before ?? 0) + Number(value);
    else if (Array.isArray(before) && Array.isArray(value)) flags[name] = [...before, ...value];
    else flags[name] = value;
  }
  return flags;
}
