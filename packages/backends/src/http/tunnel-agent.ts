import type { AgentOptions } from "node:https";
import * as tls from "node:tls";
import type { Duplex } from "node:stream";

import { TsbakError } from "@tsbak/core";

import { http, https } from "./node-http.ts";
import type { HttpProxy } from "./proxy.ts";

type Done = (error: Error | null, stream: Duplex) => void;

/** So long may it take until a proxy has reached a server. */
const CONNECT_MS = 60_000;

/** Reaches servers over TLS through a proxy, which sees their names and nothing else (RFC 9110, section 9.3.6). */
export class TunnelAgent extends https.Agent {
  readonly #proxy: HttpProxy;

  constructor(proxy: HttpProxy, options: AgentOptions) {
    super(options);
    this.#proxy = proxy;
  }

  override createConnection(options: tls.ConnectionOptions, done: Done): undefined {
    // Who waits for a connection is told of its failure instead of being given one.
    const fail = done as (error: Error) => void;
    const { host = "", port = 443 } = options;
    const { authorization } = this.#proxy;
    const place = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    const asking = http.request({
      host: this.#proxy.host,
      port: this.#proxy.port,
      method: "CONNECT",
      path: place,
      agent: false,
      headers: {
        host: place,
        ...(authorization === undefined ? {} : { "proxy-authorization": authorization }),
      },
    });
    asking.setTimeout(CONNECT_MS, () => asking.destroy(new Error("the proxy does not answer")));
    asking.once("connect", ({ statusCode = 0 }, socket) => {
      socket.setTimeout(0);
      if (statusCode === 200) return done(null, tls.connect({ ...options, socket }));
      socket.destroy();
      fail(refusal(statusCode));
    });
    asking.once("response", ({ statusCode = 0 }) => {
      asking.destroy();
      fail(refusal(statusCode));
    });
    asking.once("error", fail);
    asking.end();
    return undefined;
  }
}

function refusal(status: number): TsbakError {
  return status === 407
    ? new TsbakError("denied", "the proxy wants another user and password (407); see HTTPS_PROXY")
    : new TsbakError("unavailable", `the proxy does not reach the server (it answers ${status})`);
}
