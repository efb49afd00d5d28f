import { posix } from "node:path";

import { TsbakError } from "@tsbak/core";

/** Where a repository lies on a server. */
export interface SftpLocation {
  /** Undefined: ssh chooses. */
  readonly user: string | undefined;
  /** Name or address as ssh takes it, IPv6 without brackets; empty only if none was given. */
  readonly host: string;
  readonly port: string | undefined;
  /** Without a slash at its beginning it is relative to where the server starts, usually the home. `.` is that place itself. */
  readonly path: string;
}

/**
 * What follows `sftp:` in a location: `//[user@]host[:port]/path`, or `[user@]host:path`. The path is relative; `//host//path` and
 * `host:/path` are absolute. As in restic, all before the last `@` is the user, and a password in the URL is dropped: ssh takes none.
 *
 * @throws {TsbakError} `invalid-argument` for anything else, and for a host that ssh would take for an option.
 */
export function parseSftpLocation(rest: string): SftpLocation {
  const location = rest.startsWith("//") ? parseUrl(rest) : parseShort(rest);
  if (location.host.startsWith("-")) throw badLocation("the host begins with a dash");
  if (/[\0\r\n]/.test(location.host + location.path))
    throw badLocation("it holds control characters");
  if (location.path.startsWith("~")) {
    throw badLocation(
      'servers do not know "~"; write a path without a slash at its beginning, which is relative to the home',
    );
  }
  return location;
}

/** The same place in restic's spelling, for messages. */
export function formatSftpLocation({ user, host, port, path }: SftpLocation): string {
  const at = user === undefined ? "" : `${user}@`;
  const bracketed = host.includes(":") ? `[${host}]` : host;
  if (port === undefined) return `sftp:${at}${bracketed}:${path}`;
  return `sftp://${at}${bracketed}:${port}/${path}`;
}

function parseUrl(rest: string): SftpLocation {
  const match = /^\/\/(?:([^/?#]*)@)?(\[[^\]/?#]*\]|[^/?#:@]*)(?::(\d*))?\/([^?#]*)$/.exec(rest);
  if (match === null) {
    throw badLocation(
      'it is no URL of the form sftp://user@host:port/path; write "?" as %3F and "#" as %23',
    );
  }
  const [, userInfo, host = "", port, path = ""] = match;
  return {
    // What follows a colon is a password.
    user: userInfo === undefined ? undefined : unescape(userInfo.replace(/:.*/, "")),
    host: unescape(withoutBrackets(host)),
    port: port || undefined,
    path: clean(unescape(path)),
  };
}

function parseShort(rest: string): SftpLocation {
  const match = /^(?:([^:]*)@)?(\[[^\]]*\]|[^:@]*):(.*)$/s.exec(rest);
  if (match === null) {
    throw badLocation("the host or the path is missing; write it as sftp:user@host:/path");
  }
  const [, user, host = "", path = ""] = match;
  return { user, host: withoutBrackets(host), port: undefined, path: clean(path) };
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1) : host;
}

/** Go's path.Clean, which restic applies: unlike Node's, it leaves no slash at the end. */
function clean(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

function unescape(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badLocation('a "%" is not followed by two hex digits, or they are no UTF-8');
  }
}

/** The location itself is not shown: it may hold a password. */
function badLocation(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot use the location after "sftp:": ${reason}`);
}
