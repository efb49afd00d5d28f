import { randomBytes } from "node:crypto";

import {
  decodeName,
  failBefore,
  headerOf,
  readBody,
  reset,
  sendJson,
  type Exchange,
} from "./exchange.ts";
import type { FaultPlan } from "./faults.ts";
import type { LargeFiles } from "./large-files.ts";
import { badRequest, Refusal } from "./refusal.ts";
import { checkFileName, fileJson, sha1Of, type BucketStore } from "./store.ts";

interface UploadUrl {
  readonly token: string;
  /** A bucket's id, or that of a large file, which stands in the URL. */
  readonly target: string;
  readonly namePrefix: string;
  isBusy: boolean;
  /** B2 has moved on: whoever comes here again must ask for another URL. */
  isGone: boolean;
}

/** Where uploads go: a URL with a token of its own, good for one upload at a time. */
export class UploadUrls {
  readonly #urls = new Map<string, UploadUrl>();

  /** What b2_get_upload_url and b2_get_upload_part_url give. */
  open(origin: string, operation: string, target: string, namePrefix = ""): Record<string, string> {
    const token = `4_upload_${randomBytes(18).toString("base64url")}`;
    const id = randomBytes(6).toString("hex");
    this.#urls.set(id, { token, target, namePrefix, isBusy: false, isGone: false });
    return {
      uploadUrl: `${origin}/b2api/v2/${operation}/${target}/${id}`,
      authorizationToken: token,
    };
  }

  /** All that were given out are good no longer, as after 24 hours. */
  expireAll(): void {
    for (const url of this.#urls.values()) url.isGone = true;
  }

  /**
   * Hold the URL of a request.
   *
   * @throws {Refusal} If it is no longer good, or held already.
   */
  enter(target: string, id: string, token: string | undefined): UploadUrl {
    const url = this.#urls.get(id);
    if (url === undefined || url.token !== token || url.target !== target) {
      throw new Refusal(401, "bad_auth_token", "Invalid upload authorization token");
    }
    if (url.isGone) throw new Refusal(401, "expired_auth_token", "Upload token has expired");
    if (url.isBusy) {
      throw new Refusal(400, "auth_token_limit", "more than one upload using auth token");
    }
    url.isBusy = true;
    return url;
  }
}

/** What the endpoints of uploads work on. */
export interface UploadContext {
  readonly store: BucketStore;
  readonly uploadUrls: UploadUrls;
  readonly faults: FaultPlan;
  readonly largeFiles: LargeFiles;
}

/** Take a file (`/b2api/v2/b2_upload_file/BUCKET/URL`) or a part of one. */
export async function handleUpload(context: UploadContext, exchange: Exchange): Promise<void> {
  const [, , , operation = "", target = "", id = ""] = exchange.path.split("/");
  const url = context.uploadUrls.enter(target, id, headerOf(exchange, "authorization"));
  try {
    const name = decodeName(headerOf(exchange, "x-bz-file-name") ?? "");
    const failure = context.faults.take("upload", name);
    if (failure !== undefined) {
      url.isGone = true;
      if (await failBefore(exchange, failure)) return;
    }
    if (!name.startsWith(url.namePrefix)) {
      throw new Refusal(401, "unauthorized", `The key is restricted to ${url.namePrefix}`);
    }
    const answer =
      operation === "b2_upload_part"
        ? await takePart(context, exchange, target)
        : await takeFile(context, exchange, target, name);
    if (failure === "lost-answer") reset(exchange);
    else sendJson(exchange, answer);
  } finally {
    url.isBusy = false;
  }
}

async function takeFile(
  { store }: UploadContext,
  exchange: Exchange,
  bucketId: string,
  fileName: string,
): Promise<Record<string, unknown>> {
  checkFileName(fileName);
  const contentType = headerOf(exchange, "content-type");
  if (contentType === undefined) throw badRequest("Missing header: Content-Type");
  const { bytes, sha1 } = await readContent(exchange);
  const version = store.get(bucketId).add({
    ...{ fileName, action: "upload", bytes, sha1, info: infoOf(exchange) },
    contentType: contentType === "b2/x-auto" ? "application/octet-stream" : contentType,
  });
  return fileJson(version);
}

async function takePart(
  { largeFiles }: UploadContext,
  exchange: Exchange,
  fileId: string,
): Promise<Record<string, unknown>> {
  const partNumber = Number(headerOf(exchange, "x-bz-part-number"));
  const { bytes, sha1 } = await readContent(exchange);
  return largeFiles.addPart(fileId, partNumber, { bytes, sha1: sha1 ?? sha1Of(bytes) });
}

/** @throws {Refusal} If the SHA-1 that was promised, in the header or after the bytes, is another. */
async function readContent(
  exchange: Exchange,
): Promise<{ readonly bytes: Buffer; readonly sha1: string | null }> {
  const promised = headerOf(exchange, "x-bz-content-sha1");
  if (headerOf(exchange, "content-length") === undefined) throw badRequest("Content-Length");
  const body = await readBody(exchange.request);
  if (promised === "do_not_verify") return { bytes: body, sha1: null };
  const isAtEnd = promised === "hex_digits_at_end";
  const bytes = isAtEnd ? body.subarray(0, -40) : body;
  const wanted = isAtEnd ? body.subarray(-40).toString("latin1") : promised;
  if (wanted === undefined || !/^[0-9a-f]{40}$/.test(wanted)) {
    throw badRequest("Missing header: X-Bz-Content-Sha1");
  }
  const sha1 = sha1Of(bytes);
  if (sha1 !== wanted) throw badRequest("Sha1 did not match data received");
  return { bytes, sha1 };
}

function infoOf({ request }: Exchange): Record<string, string> {
  const info: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    const key = /^x-bz-info-(.+)$/.exec(name)?.[1];
    if (key !== undefined && typeof value === "string") info[key] = decodeName(value);
  }
  return info;
}
