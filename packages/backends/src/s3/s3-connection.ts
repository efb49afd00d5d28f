import type { Agent } from "node:http";

import type { S3Client } from "@aws-sdk/client-s3";

import type { HttpProxy } from "../http/proxy.ts";
import type { BackendSettings } from "../settings.ts";
import { createClient } from "./s3-client.ts";
import { findS3Credentials } from "./s3-credentials.ts";
import type { S3Credentials } from "./s3-credentials.ts";
import { readFailure } from "./s3-failure.ts";
import { endpointIn, firstRegion } from "./s3-endpoint.ts";
import type { S3Location } from "./s3-location.ts";
import type { S3Options } from "./s3-options.ts";

/** What carries requests. */
export interface S3Way {
  readonly agent: Agent;
  /** The agent knows the way through it for TLS. */
  readonly proxy: HttpProxy | undefined;
}

/** The way to a store. Where its region is a guess and the store names another, that one is taken. */
export class S3Connection {
  readonly #location: S3Location;
  readonly #options: S3Options;
  readonly #credentials: S3Credentials;
  readonly #way: S3Way;
  readonly #userAgent: string;
  #region: string;
  #client: S3Client;

  /**
   * The agent of the way is the connection's, which ends it.
   *
   * @throws {TsbakError} `invalid-argument` for credentials that cannot be used.
   */
  constructor(location: S3Location, options: S3Options, settings: BackendSettings, way: S3Way) {
    this.#location = location;
    this.#options = options;
    this.#credentials = findS3Credentials(settings, options);
    this.#way = way;
    this.#userAgent = settings.userAgent ?? "tsbak";
    this.#region = firstRegion(location, options, settings);
    this.#client = this.#createClient();
  }

  /** Over TLS. */
  get isSecure(): boolean {
    return this.#location.protocol === "https:";
  }

  /**
   * Make one request, or a second one if the store says of the first that it went to the wrong region.
   *
   * @throws {unknown} What the SDK throws.
   */
  async call<T>(send: (client: S3Client) => Promise<T>): Promise<T> {
    const asked = this.#region;
    try {
      return await send(this.#client);
    } catch (error) {
      const { region } = readFailure(error);
      const isElsewhere = region !== undefined && region !== asked;
      if (!isElsewhere || this.#options.region !== undefined) throw error;
      this.#moveTo(region);
      return await send(this.#client);
    }
  }

  /** End the connections that are kept open. */
  close(): void {
    this.#client.destroy();
    this.#way.agent.destroy();
  }

  #moveTo(region: string): void {
    if (region === this.#region) return;
    this.#region = region;
    // The old one may still be in use, and shares the agent.
    this.#client = this.#createClient();
  }

  #createClient(): S3Client {
    const { url, region, usesPaths } = endpointIn(this.#region, this.#location, this.#options);
    return createClient({
      endpoint: url,
      region,
      usesPaths,
      credentials: this.#credentials,
      ...this.#way,
      userAgent: this.#userAgent,
    });
  }
}
