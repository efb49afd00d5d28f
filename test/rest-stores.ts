import { existsSync, mkdirSync } from "node:fs";

import { openBackend, type BackendSettings } from "@tsbak/backends";
import type { Backend } from "@tsbak/core";
import { afterAll, beforeAll } from "vitest";

import { Workshop } from "./peers.ts";
import { startRestServer, type RestServer } from "./servers/rest-server.ts";

/** Servers and stores of all tests of a file, which its end stops and closes. */
export class RestStores {
  readonly #servers: { stop(): Promise<void> }[] = [];
  readonly #stores: Backend[] = [];
  #workshop: Workshop | undefined;
  #places = 0;

  get workshop(): Workshop {
    if (this.#workshop === undefined) throw new Error("The workshop is only there while tests run");
    return this.#workshop;
  }

  /** Have it begin and end with the tests of the file. */
  register(): this {
    beforeAll(() => {
      // Many small stores, which a disk that others use too makes slow.
      this.#workshop = new Workshop(existsSync("/dev/shm") ? "/dev/shm" : undefined);
    });
    afterAll(async () => {
      for (const store of this.#stores) await store.close?.();
      for (const server of this.#servers) await server.stop();
      this.#workshop?.close();
    });
    return this;
  }

  /** A rest-server on a folder of its own. */
  async start(options: Parameters<typeof startRestServer>[1]): Promise<RestServer> {
    const server = await startRestServer(this.newFolder(), options);
    this.own(server);
    return server;
  }

  /** Stop a server at the end. */
  own(server: { stop(): Promise<void> }): void {
    this.#servers.push(server);
  }

  newFolder(): string {
    const folder = this.workshop.path(`server-${this.#servers.length}-${this.#places++}`);
    mkdirSync(folder);
    return folder;
  }

  /** A store below `url` that nobody else has. */
  openNew(url: string, settings: BackendSettings = {}, folder = ""): Promise<Backend> {
    return this.open(`rest:${url}/${folder}place-${this.#places++}/`, settings);
  }

  async open(location: string, settings: BackendSettings = {}): Promise<Backend> {
    const store = await openBackend(location, settings);
    this.#stores.push(store);
    return store;
  }
}
