import { decodeName, failBefore, headerOf, reset, type Exchange } from "./exchange.ts";
import type { Failure, FaultPlan } from "./faults.ts";
import type { KeyRing } from "./keys.ts";
import { Refusal } from "./refusal.ts";
import type { BucketStore, FileVersion } from "./store.ts";

/** What the endpoints of downloads work on. */
export interface DownloadContext {
  readonly store: BucketStore;
  readonly keys: KeyRing;
  readonly faults: FaultPlan;
}

/** Give a file by its name (`/file/BUCKET/NAME`) or by the id of one version; without its bytes for HEAD. */
export async function handleDownload(context: DownloadContext, exchange: Exchange): Promise<void> {
  const { bucketId, fileName, version } = find(context.store, exchange);
  const failure = context.faults.take(
    exchange.request.method === "HEAD" ? "head" : "download",
    fileName,
  );
  if (failure !== undefined && !breaksAnswer(failure) && (await failBefore(exchange, failure)))
    return;
  const token = headerOf(exchange, "authorization") ?? exchange.query.get("Authorization");
  context.keys.check(token ?? undefined, "readFiles", { bucketId, fileName });
  if (version === undefined) {
    throw new Refusal(404, "not_found", `Bucket does not have file: ${fileName}`);
  }
  send(exchange, version, failure);
}

interface Found {
  readonly bucketId: string | undefined;
  readonly fileName: string;
  readonly version: FileVersion | undefined;
}

function find(store: BucketStore, { path, query }: Exchange): Found {
  if (!path.startsWith("/file/")) {
    const version = store.findVersion(query.get("fileId") ?? "");
    return { bucketId: version?.bucketId, fileName: version?.fileName ?? "", version };
  }
  const slash = path.indexOf("/", "/file/".length);
  const bucket = store.find(decodeName(path.slice("/file/".length, slash)));
  const fileName = decodeName(path.slice(slash + 1));
  return { bucketId: bucket?.bucketId, fileName, version: bucket?.visible(fileName) };
}

function breaksAnswer(failure: Failure): boolean {
  return failure === "flipped-byte" || (typeof failure === "object" && "resetAfter" in failure);
}

function send(exchange: Exchange, version: FileVersion, failure: Failure | undefined): void {
  const { request, response } = exchange;
  const range = rangeOf(exchange, version.bytes.length);
  const all = version.bytes;
  let bytes = range === undefined ? all : all.subarray(range.start, range.end + 1);
  const contentRange = range && {
    "Content-Range": `bytes ${range.start}-${range.end}/${all.length}`,
  };
  response.writeHead(range === undefined ? 200 : 206, {
    ...headersOf(version),
    "Content-Length": bytes.length,
    ...contentRange,
  });
  if (request.method === "HEAD") return void response.end();
  if (failure === "flipped-byte") {
    bytes = Buffer.from(bytes);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  }
  if (typeof failure === "object" && "resetAfter" in failure) {
    response.write(bytes.subarray(0, failure.resetAfter), () => reset(exchange));
    return;
  }
  response.end(bytes);
}

function headersOf(version: FileVersion): Record<string, string> {
  const headers: Record<string, string> = {
    "Accept-Ranges": "bytes",
    "Content-Type": version.contentType,
    "X-Bz-Content-Sha1": version.sha1 ?? "none",
    "X-Bz-File-Id": version.fileId,
    "X-Bz-File-Name": version.fileName.split("/").map(encodeURIComponent).join("/"),
    "X-Bz-Upload-Timestamp": String(version.uploadTimestamp),
  };
  for (const [name, value] of Object.entries(version.info)) {
    headers[`X-Bz-Info-${name}`] = encodeURIComponent(value);
  }
  return headers;
}

/** First and last byte of the header Range; undefined if there is none that is meant for this server. */
function rangeOf(
  exchange: Exchange,
  size: number,
): { readonly start: number; readonly end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headerOf(exchange, "range") ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  const isSuffix = match[1] === "";
  const start = isSuffix ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = isSuffix || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start > end || start >= size) {
    throw new Refusal(416, "range_not_satisfiable", "The Range is outside of the file");
  }
  return { start, end };
}
