import { TsbakError } from "@tsbak/core";

/** What besides its location says how a store is reached. Nothing here is ever printed. */
export interface BackendSettings {
  /** What `-o NAME=VALUE` gave, by name: `s3.region`. */
  readonly options?: Readonly<Record<string, string>> | undefined;
  /** Where credentials are looked for, under the names that restic uses. None unless given: a library does not look by itself. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Certificates for stores over TLS. */
  readonly tls?: TlsSettings | undefined;
  /** How requests over HTTP name the program. `tsbak` unless given. */
  readonly userAgent?: string | undefined;
  /** Told what a helper program such as ssh prints for people, a line at a time. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/** Paths of PEM files, and whom to trust. */
export interface TlsSettings {
  /** Authorities that are trusted besides the system's own. */
  readonly authorityFiles?: readonly string[] | undefined;
  /** A client's certificate and its key, in one file. */
  readonly clientCertificateFile?: string | undefined;
  /** Trust whoever answers. */
  readonly isInsecure?: boolean | undefined;
}

/** The value of `-o NAME=VALUE`; undefined if it was not given. */
export function optionOf(settings: BackendSettings, name: string): string | undefined {
  const options = settings.options ?? {};
  return Object.hasOwn(options, name) ? options[name] : undefined;
}

/**
 * The value of an option that counts something, or `fallback` if it was not given.
 *
 * @throws {TsbakError} `invalid-argument` for what is no whole number of at least 1.
 */
export function countOption(settings: BackendSettings, name: string, fallback: number): number {
  const text = optionOf(settings, name);
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new TsbakError(
    "invalid-argument",
    `Cannot use -o ${name}=${text}: it takes a number of at least 1`,
  );
}

/** A variable of the environment; empty is as good as unset. */
export function variableOf(settings: BackendSettings, name: string): string | undefined {
  return settings.environment?.[name] || undefined;
}
