import { isIP, BlockList } from "node:net";

import { TsbakError } from "@tsbak/core";

import { variableOf } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";

/** A server over HTTP, without brackets around an IPv6 address. */
export interface Destination {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
}

/** A proxy that speaks plain HTTP. */
export interface HttpProxy {
  readonly host: string;
  readonly port: number;
  /** For `Proxy-Authorization`; undefined if it wants no password. */
  readonly authorization: string | undefined;
}

/**
 * The proxy through which a server is to be reached, as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say, in capitals or not, with
 * the rules of restic (Go's `httpproxy`): this machine itself is never reached through one.
 *
 * @throws {TsbakError} `invalid-argument` for a proxy that cannot be used. Nothing of it is repeated, as it may hold a password.
 */
export function findProxy(
  destination: Destination,
  settings: BackendSettings,
): HttpProxy | undefined {
  const name = destination.isSecure ? "HTTPS_PROXY" : "HTTP_PROXY";
  const text = variableInAnyCase(settings, name);
  if (text === undefined || isExempt(destination, settings)) return undefined;
  const address = /^[a-z0-9]+:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "http:" || url.hostname === "") {
    throw new TsbakError(
      "invalid-argument",
      `Cannot use ${name}: it is no address such as http://proxy.example.org:3128; other kinds of proxies are not supported`,
    );
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port) || 80,
    authorization: authorizationOf(url),
  };
}

/** RFC 7617. What is no escaped text is taken as it stands. */
function authorizationOf({ username, password }: URL): string | undefined {
  if (username === "") return undefined;
  const decode = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return `Basic ${Buffer.from(`${decode(username)}:${decode(password)}`).toString("base64")}`;
}

/** A request without TLS: where it goes, the path there, and its headers. */
export interface PlainRequest {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The same request as it is put to a proxy (RFC 9112, section 3.2.2). */
export function throughProxy(request: PlainRequest, proxy: HttpProxy): PlainRequest {
  const { host, port, path, headers } = request;
  const name = host.includes(":") ? `[${host}]` : host;
  const place = port === 80 ? name : `${name}:${port}`;
  const { authorization } = proxy;
  return {
    host: proxy.host,
    port: proxy.port,
    path: `http://${place}${path}`,
    headers: {
      host: place,
      ...headers,
      ...(authorization === undefined ? {} : { "proxy-authorization": authorization }),
    },
  };
}

function variableInAnyCase(settings: BackendSettings, name: string): string | undefined {
  return variableOf(settings, name) ?? variableOf(settings, name.toLowerCase());
}

function isExempt({ host, port }: Destination, settings: BackendSettings): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || isLoopback(name)) return true;
  const rules = (variableInAnyCase(settings, "NO_PROXY") ?? "").toLowerCase().split(/[\s,]+/);
  return rules.some((rule) => rule !== "" && matchesRule(name, port, rule));
}

function isLoopback(name: string): boolean {
  return isIP(name) === 4 ? name.startsWith("127.") : name === "::1";
}

/** `*`, an address, a range of addresses, or a domain with all below it; with a dot in front only what is below. A port may follow. */
function matchesRule(name: string, port: number, rule: string): boolean {
  if (rule === "*") return true;
  const range = /^(.+)\/(\d{1,3})$/.exec(rule);
  if (range !== null) return isInRange(name, range[1] ?? "", Number(range[2]));
  const [, place = rule, only] = /^\[?(.+?)\]?:(\d+)$/.exec(isIP(rule) === 6 ? "" : rule) ?? [];
  if (only !== undefined && Number(only) !== port) return false;
  if (isIP(place) !== 0) return name === place;
  const domain = place.replace(/^\*\./, ".");
  return domain.startsWith(".")
    ? name.endsWith(domain)
    : name === domain || name.endsWith(`.${domain}`);
}

function isInRange(name: string, network: string, bits: number): boolean {
  const family = isIP(network) === 6 ? "ipv6" : "ipv4";
  if (isIP(name) === 0 || isIP(name) !== isIP(network)) return false;
  if (bits > (family === "ipv6" ? 128 : 32)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, family);
  return list.check(name, family);
}
