import { decodeName, readFields, textField, type Exchange } from "./exchange.ts";
import type { ApplicationKey, KeyRing, Scope } from "./keys.ts";
import { SMALLEST_PART, type LargeFiles } from "./large-files.ts";
import { listFileNames, listFileVersions } from "./listing.ts";
import { badRequest, Refusal } from "./refusal.ts";
import { checkFileName, fileJson, type Bucket, type BucketStore } from "./store.ts";
import type { UploadUrls } from "./uploads.ts";

/** What the calls of the protocol work on. */
export interface ApiContext {
  readonly store: BucketStore;
  readonly keys: KeyRing;
  readonly uploadUrls: UploadUrls;
  readonly largeFiles: LargeFiles;
  /** Of this server: `http://127.0.0.1:8080`. */
  readonly origin: string;
}

interface Call extends ApiContext {
  readonly fields: Record<string, unknown>;
  /** The key behind the request, if it may do this. */
  check(capability: string, scope?: Scope): ApplicationKey;
}

type Operation = (call: Call) => unknown;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  b2_list_buckets: listBuckets,
  b2_create_bucket: ({ check, store, fields }) => {
    check("writeBuckets");
    return bucketJson(
      store.create(textField(fields, "bucketName"), textField(fields, "bucketType")),
    );
  },
  b2_delete_bucket: ({ check, store, fields }) => {
    check("deleteBuckets", { bucketId: textField(fields, "bucketId") });
    return bucketJson(store.delete(textField(fields, "bucketId")));
  },
  b2_get_upload_url: ({ check, store, uploadUrls, origin, fields }) => {
    const bucketId = textField(fields, "bucketId");
    const { namePrefix } = check("writeFiles", { bucketId });
    store.get(bucketId);
    return { bucketId, ...uploadUrls.open(origin, "b2_upload_file", bucketId, namePrefix) };
  },
  b2_list_file_names: (call) => listFileNames(listedBucket(call), call.fields),
  b2_list_file_versions: (call) => listFileVersions(listedBucket(call), call.fields),
  b2_hide_file: hideFile,
  b2_get_file_info: ({ check, store, fields }) => {
    const version = store.findVersion(textField(fields, "fileId"));
    check("readFiles", version);
    if (version === undefined) throw new Refusal(404, "not_found", "File not present");
    return fileJson(version);
  },
  b2_delete_file_version: ({ check, store, fields }) => {
    const [fileId, fileName] = [textField(fields, "fileId"), textField(fields, "fileName")];
    const version = store.findVersion(fileId);
    check("deleteFiles", { bucketId: version?.bucketId, fileName });
    if (version === undefined) throw new Refusal(400, "file_not_present", "File not present");
    store.get(version.bucketId).remove(fileName, fileId);
    return { fileId, fileName };
  },
  b2_start_large_file: ({ check, largeFiles, fields }) => {
    const [bucketId, fileName] = [textField(fields, "bucketId"), textField(fields, "fileName")];
    checkFileName(fileName);
    check("writeFiles", { bucketId, fileName });
    const info = (fields.fileInfo ?? {}) as Record<string, string>;
    const contentType = textField(fields, "contentType");
    return largeFiles.start({ bucketId, fileName, contentType, info });
  },
  b2_get_upload_part_url: ({ check, store, uploadUrls, origin, fields }) => {
    const fileId = textField(fields, "fileId");
    check("writeFiles", store.findVersion(fileId));
    return { fileId, ...uploadUrls.open(origin, "b2_upload_part", fileId) };
  },
  b2_list_parts: ({ check, store, largeFiles, fields }) => {
    const fileId = textField(fields, "fileId");
    check("writeFiles", store.findVersion(fileId));
    return largeFiles.list(fileId);
  },
  b2_finish_large_file: ({ check, store, largeFiles, fields }) => {
    const fileId = textField(fields, "fileId");
    check("writeFiles", store.findVersion(fileId));
    return largeFiles.finish(fileId, fields.partSha1Array);
  },
  b2_cancel_large_file: ({ check, store, largeFiles, fields }) => {
    const fileId = textField(fields, "fileId");
    check("writeFiles", store.findVersion(fileId));
    return largeFiles.cancel(fileId);
  },
  b2_list_unfinished_large_files: ({ check, largeFiles, fields }) => {
    const bucketId = textField(fields, "bucketId");
    check("listFiles", { bucketId });
    return largeFiles.unfinished(bucketId);
  },
};

/** Carry out a call of the protocol (`/b2api/v2/b2_hide_file`) and give its answer. */
export async function handleCall(context: ApiContext, exchange: Exchange): Promise<unknown> {
  const [, , version = "", name = ""] = exchange.path.split("/");
  const header = exchange.request.headers.authorization;
  const fields = await readFields(exchange);
  if (name === "b2_authorize_account") return authorize(context, header, version);
  const operation = OPERATIONS[name];
  if (operation === undefined) throw badRequest(`Unknown operation ${decodeName(name)}`);
  return operation({
    ...context,
    fields,
    check: (capability, scope) => context.keys.check(header, capability, scope),
  });
}

/** Later versions of the protocol put the same into other places. */
function authorize(context: ApiContext, header: string | undefined, version: string): unknown {
  const { token, key } = context.keys.authorize(header);
  const bucketName = context.store.all().find((one) => one.bucketId === key.bucketId)?.bucketName;
  const restriction = {
    bucketId: key.bucketId ?? null,
    bucketName: bucketName ?? null,
    capabilities: key.capabilities,
    namePrefix: key.namePrefix ?? null,
  };
  const place = {
    apiUrl: context.origin,
    downloadUrl: context.origin,
    recommendedPartSize: 100_000_000,
    absoluteMinimumPartSize: SMALLEST_PART,
    s3ApiUrl: context.origin,
  };
  const account = { accountId: "account", authorizationToken: token };
  if (version === "v1" || version === "v2") return { ...account, ...place, allowed: restriction };
  if (version === "v3")
    return { ...account, apiInfo: { storageApi: { ...place, ...restriction } } };
  const { capabilities, namePrefix } = restriction;
  const buckets =
    key.bucketId === undefined ? null : [{ id: key.bucketId, name: restriction.bucketName }];
  const allowed = { buckets, capabilities, namePrefix };
  return { ...account, apiInfo: { storageApi: { ...place, allowed } } };
}

/** A key that is restricted to a bucket must ask for that one. */
function listBuckets({ check, store, fields }: Call): unknown {
  const wanted = store
    .all()
    .filter(({ bucketId }) => (fields.bucketId ?? bucketId) === bucketId)
    .filter(({ bucketName }) => (fields.bucketName ?? bucketName) === bucketName);
  const isNamed = fields.bucketId !== undefined || fields.bucketName !== undefined;
  check("listBuckets", { bucketId: isNamed ? wanted[0]?.bucketId : undefined });
  return { buckets: wanted.map(bucketJson) };
}

function listedBucket({ check, store, fields }: Call): Bucket {
  const bucketId = textField(fields, "bucketId");
  check("listFiles", {
    bucketId,
    fileName: typeof fields.prefix === "string" ? fields.prefix : "",
  });
  return store.get(bucketId);
}

function hideFile({ check, store, fields }: Call): unknown {
  const [bucketId, fileName] = [textField(fields, "bucketId"), textField(fields, "fileName")];
  check("writeFiles", { bucketId, fileName });
  const bucket = store.get(bucketId);
  if (bucket.versions(fileName).length === 0) {
    throw new Refusal(400, "no_such_file", `File not present: ${fileName}`);
  }
  if (bucket.visible(fileName) === undefined) {
    throw new Refusal(400, "already_hidden", `File already hidden: ${fileName}`);
  }
  const nothing = {
    bytes: Buffer.alloc(0),
    sha1: null,
    contentType: "application/x-bz-hide-marker",
  };
  return fileJson(bucket.add({ ...nothing, fileName, action: "hide", info: {} }));
}

function bucketJson({ bucketId, bucketName, bucketType }: Bucket): Record<string, unknown> {
  const settings = { bucketInfo: {}, corsRules: [], lifecycleRules: [], options: [], revision: 1 };
  return { accountId: "account", bucketId, bucketName, bucketType, ...settings };
}
