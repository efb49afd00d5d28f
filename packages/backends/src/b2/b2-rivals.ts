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
  const { fileName, hash } = file;
  const bucketId = await session.bucketId(signal);
  const query = { bucketId, prefix: fileName, startFileName: fileName, maxFileCount: 100 };
  const page = await session.call(signal, () => client.listFileVersions(query, signal));
  const files = Array.isArray(page.files) ? page.files.map(asRecord) : [];
  const versions = visibleVersions(files.filter((version) => version.fileName === fileName));
  const isOurs = (version: Readonly<Record<string, unknown>>): boolean =>
    version.fileId === file.fileId || version.contentSha1 === hash;

  if (versions.every(isOurs)) return false;
  for (const { fileId } of versions.filter(isOurs)) {
    await session.call(signal, () => client.deleteFileVersion(String(fileId), fileName, signal));
  }
  return true;
}

/** Those above the newest marker that hides what is below it: that was there before, and removed. */
function visibleVersions(
  versions: readonly Readonly<Record<string, unknown>>[],
): readonly Readonly<Record<string, unknown>>[] {
  const hidden = versions.findIndex(({ action }) => action === "hide");
  return hidden < 0 ? versions : versions.slice(0, hidden);
}
