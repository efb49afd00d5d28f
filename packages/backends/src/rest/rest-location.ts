import { TsbakError } from "@tsbak/core";

import { variableOf } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";

/** What `rest:` locations say. */
export interface RestLocation {
  /** As it may be shown: the password, if there is one, is masked. */
  readonly shown: string;
  readonly isSecure: boolean;
  /** Where the server listens. */
  readonly server:
    { readonly host: string; readonly port: number } | { readonly socketPath: string };
  /** Where the repository lies on the server: begins and ends with `/`, escaped. */
  readonly path: string;
  readonly credentials: Credentials | undefined;
}

/** For basic authentication (RFC 7617). */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * Understand what follows `rest:`, as restic spells it: `http[s]://[user:password@]host[:port]/path/`, or
 * `http+unix:///path/of/socket:/path/`. Credentials that it does not hold are taken from the environment.
 *
 * @throws {TsbakError} `invalid-argument` for anything else. Nothing of it is repeated, as it may hold a password.
 */
export function parseRestLocation(rest: string, settings: BackendSettings): RestLocation {
  const url = parseUrl(rest.endsWith("/") ? rest : `${rest}/`);
  const credentials = namedCredentials(url) ?? credentialsOfEnvironment(settings);
  const shown = (host: string): string =>
    `rest:${url.protocol}//${maskedUser(url)}${host}${url.pathname}`;
  if (url.protocol === "http+unix:") {
    return { shown: shown(""), isSecure: false, ...socketPlace(url.pathname), credentials };
  }
  const isSecure = url.protocol === "https:";
  const port = Number(url.port) || (isSecure ? 443 : 80);
  // A literal IPv6 address has brackets only in a URL.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const server = { host, port };
  return { shown: shown(url.host), isSecure, server, path: url.pathname, credentials };
}

function socketPlace(pathname: string): Pick<RestLocation, "server" | "path"> {
  const colon = pathname.indexOf(":");
  if (colon < 0) throw badLocation("the path of the socket ends with a colon");
  const path = pathname.slice(colon + 1);
  if (!path.startsWith("/")) throw badLocation("after the colon comes a path on the server");
  return { server: { socketPath: decoded(pathname.slice(0, colon)) }, path };
}

function parseUrl(text: string): URL {
  if (!/^(https?:\/\/[^/]|http\+unix:\/\/([^/]*@)?\/)/.test(text)) {
    throw badLocation("it begins with http://, https:// or http+unix:///");
  }
  let url: URL;
  try {
    // The standard allows no user without a host.
    url = new URL(text.replace(/^(http\+unix:\/\/[^/]*)/, "$1socket"));
  } catch {
    throw badLocation(
      "it is no URL; what is not a letter or digit of the password must be escaped, as in %40",
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw badLocation('it has no query; "?" and "#" must be escaped as %3F and %23');
  }
  return url;
}

/** As in restic, a location that holds one of the two needs no other source. */
function namedCredentials(url: URL): Credentials | undefined {
  if (url.username === "" && url.password === "") return undefined;
  return { user: decoded(url.username), password: decoded(url.password) };
}

function credentialsOfEnvironment(settings: BackendSettings): Credentials | undefined {
  const read = (name: string): string =>
    variableOf(settings, `TSBAK_REST_${name}`) ?? variableOf(settings, `RESTIC_REST_${name}`) ?? "";
  const found = { user: read("USERNAME"), password: read("PASSWORD") };
  return found.user === "" && found.password === "" ? undefined : found;
}

function maskedUser({ username, password }: URL): string {
  if (password !== "") return `${username}:***@`;
  return username === "" ? "" : `${username}@`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function badLocation(rule: string): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot open the repository: what follows "rest:" is not understood; ${rule}`,
  );
}
