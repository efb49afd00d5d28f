import type { IncomingMessage } from "node:http";
import type { ProxiedRequest } from "./http-fault.ts";

/** Leaves out of listings what was written only a moment ago. It knows the listings of REST servers and of S3. */
export class LateListings {
  readonly #delayMs: number;
  readonly #writtenAt = new Map<string, number>();

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** A request was answered: it may have been a write. */
  note({ method, path }: ProxiedRequest, status: number): void {
    if (this.#delayMs === 0 || status >= 300 || (method !== "PUT" && method !== "POST")) return;
    this.#writtenAt.set(nameOf(path), performance.now());
  }

  isListing({ method, path }: ProxiedRequest, { statusCode, headers }: IncomingMessage): boolean {
    if (this.#delayMs === 0 || method !== "GET" || statusCode !== 200) return false;
    const type = headers["content-type"] ?? "";
    if (type.includes("xml")) return /[?&]list-type=2|[?&]prefix=/.test(path);
    return type.includes("restic.rest") || type.includes("json");
  }

  filter(asked: ProxiedRequest, answer: IncomingMessage, body: Buffer): Buffer {
    if (!this.isListing(asked, answer)) return body;
    const text = body.toString("utf8");
    if (!text.startsWith("["))
      return Buffer.from(
        text.replace(/<Contents>.*?<\/Contents>/gs, (entry) =>
          this.#isLate(nameOf(/<Key>(.*?)<\/Key>/.exec(entry)?.[1] ?? "")) ? "" : entry,
        ),
      );
    const entries = JSON.parse(text) as (string | { readonly name: string })[];
    const seen = entries.filter(
      (entry) => !this.#isLate(typeof entry === "string" ? entry : entry.name),
    );
    return Buffer.from(JSON.stringify(seen));
  }

  #isLate(name: string): boolean {
    const writtenAt = this.#writtenAt.get(name);
    return writtenAt !== undefined && performance.now() - writtenAt < this.#delayMs;
  }
}

/** The last part of a path, without the query. */
function nameOf(path: string): string {
  return path.split("?")[0]?.split("/").at(-1) ?? "";
}
