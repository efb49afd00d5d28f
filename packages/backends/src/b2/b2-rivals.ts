import type { B2Client } from "./b2-client.ts";
import { asRecord } from "./b2-failure.ts";
import type { B2Session } from "./b2-session.ts";

/** A file that was just stored. */
export interface StoredFile {
  readonly fileName: string;
  readonly fileId: string;
  /** SHA-1 in hex. */
  readonly hash: string;
}

/**
 * Take a file back if another process stored other bytes under its name since it was looked for. Then the result is true.
 *
 * Whoever stores such a file looks after that, so of two rivals at least the one who looks last sees the other and gives way.
 * If both have stored before either looks, both do. Versions with the same bytes are no rivals: they are from a
 * try of our own whose confirmation was lost. Costs a call that B2 charges most for. The key must be allowed to delete.
 */
export async function gaveWay(
  client: B2Client,
  session: B2Session,
  file: StoredFile,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const versions = await listVersions(client, session, file.fileName, signal);
  const isOurs = (version: Version): boolean =>
    version.fileId === file.fileId || version.contentSha1 === file.hash;

  if (versions.every(isOurs)) return false;
  await deleteAll(client, session, file.fileName, versions.filter(isOurs), signal);
  return true;
}

/**
 * Delete the versions that a file has replaced. Costs a call that B2 charges most for. The key must be allowed to delete.
 */
export async function deleteOthers(
  client: B2Client,
  session: B2Session,
  { fileName, fileId }: StoredFile,
  signal: AbortSignal | undefined,
): Promise<void> {
  const versions = await listVersions(client, session, fileName, signal);
  const newest = versions.findIndex((version) => version.fileId === fileId);
  if (newest < 0) return;
  await deleteAll(client, session, fileName, versions.slice(newest + 1), signal);
}

type Version = Readonly<Record<string, unknown>>;

/** Those that would be read if no newer ones were there, the newest first. */
async function listVersions(
  client: B2Client,
  session: B2Session,
  fileName: string,
  signal: AbortSignal | undefined,
): Promise<readonly Version[]> {
  const bucketId = await session.bucketId(signal);
  const query = { bucketId, prefix: fileName, startFileName: fileName, maxFileCount: 100 };
  const page = await session.call(signal, () => client.listFileVersions(query, signal));
  const files = Array.isArray(page.files) ? page.files.map(asRecord) : [];
  return visibleVersions(files.filter((version) => version.fileName === fileName));
}

async function deleteAll(
  client: B2Client,
  session: B2Session,
  fileName: string,
  versions: readonly Version[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const { fileId } of versions) {
    await session.call(signal, () => client.deleteFileVersion(String(fileId), fileName, signal));
  }
}

/** Those above the newest marker that hides what is below it: that was there before, and removed. */
function visibleVersions(versions: readonly Version[]): readonly Version[] {
  const hidden = versions.findIndex(({ action }) => action === "hide");
  return hidden < 0 ? versions : versions.slice(0, hidden);
}
