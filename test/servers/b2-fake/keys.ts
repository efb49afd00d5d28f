import { randomBytes } from "node:crypto";

import { Refusal } from "./refusal.ts";

/** Everything that this server lets a key do. */
export const ALL_CAPABILITIES: readonly string[] = [
  "listBuckets",
  "writeBuckets",
  "deleteBuckets",
  "listFiles",
  "readFiles",
  "writeFiles",
  "deleteFiles",
];

/** An application key and what it is restricted to. */
export interface ApplicationKey {
  readonly id: string;
  readonly secret: string;
  readonly capabilities: readonly string[];
  readonly bucketId: string | undefined;
  readonly namePrefix: string | undefined;
}

/** What a request wants to touch. */
export interface Scope {
  readonly bucketId?: string | undefined;
  /** A whole name, or the prefix of a listing. */
  readonly fileName?: string | undefined;
}

const LIFETIME_MS = 24 * 60 * 60 * 1000;

/** The keys of the account and the tokens that were given out for them. */
export class KeyRing {
  readonly #keys = new Map<string, ApplicationKey>();
  readonly #tokens = new Map<string, { readonly key: ApplicationKey; expiresAt: number }>();

  /** A new key; it may do everything everywhere unless said otherwise. */
  add(limits: Partial<Omit<ApplicationKey, "id" | "secret">> = {}): ApplicationKey {
    const key = {
      id: `00${randomBytes(11).toString("hex")}`,
      secret: `K00${randomBytes(18).toString("base64url")}`,
      capabilities: limits.capabilities ?? ALL_CAPABILITIES,
      bucketId: limits.bucketId,
      namePrefix: limits.namePrefix,
    };
    this.#keys.set(key.id, key);
    return key;
  }

  /** Takes effect when a token is asked for next, and for those that were given out. */
  remove(id: string): void {
    this.#keys.delete(id);
    for (const [token, { key }] of this.#tokens) if (key.id === id) this.#tokens.delete(token);
  }

  /** A token for whoever knows a key, by the header of RFC 7617. */
  authorize(header: string | undefined): { readonly token: string; readonly key: ApplicationKey } {
    const [id = "", secret] = Buffer.from(/^Basic (.*)$/.exec(header ?? "")?.[1] ?? "", "base64")
      .toString()
      .split(":", 2);
    const key = this.#keys.get(id);
    if (key === undefined || key.secret !== secret) {
      throw new Refusal(401, "unauthorized", "The applicationKeyId or applicationKey is wrong");
    }
    const token = `4_${randomBytes(24).toString("base64url")}`;
    this.#tokens.set(token, { key, expiresAt: Date.now() + LIFETIME_MS });
    return { token, key };
  }

  /** As if 24 hours had passed. */
  expireTokens(): void {
    for (const entry of this.#tokens.values()) entry.expiresAt = 0;
  }

  /** The key behind a token, if it may do this. */
  check(token: string | undefined, capability: string, scope: Scope = {}): ApplicationKey {
    if (!token) throw new Refusal(401, "missing_auth_token", "There is no Authorization header");
    const entry = this.#tokens.get(token);
    if (entry === undefined) throw new Refusal(401, "bad_auth_token", "Invalid auth token");
    if (entry.expiresAt <= Date.now()) {
      throw new Refusal(401, "expired_auth_token", "Auth token has expired");
    }
    checkKey(entry.key, capability, scope);
    return entry.key;
  }
}

function checkKey(key: ApplicationKey, capability: string, scope: Scope): void {
  if (!key.capabilities.includes(capability)) throw unauthorized(`it lacks ${capability}`);
  if (key.bucketId !== undefined && scope.bucketId !== key.bucketId) {
    throw unauthorized("it is restricted to another bucket");
  }
  const { namePrefix = "" } = key;
  if (scope.fileName !== undefined && !scope.fileName.startsWith(namePrefix)) {
    throw unauthorized(`it is restricted to names that begin with ${namePrefix}`);
  }
}

function unauthorized(reason: string): Refusal {
  return new Refusal(401, "unauthorized", `The key is not entitled to this: ${reason}`);
}
