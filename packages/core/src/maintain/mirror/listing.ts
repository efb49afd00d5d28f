import type { Backend, CallOptions } from "../../backend/backend.ts";

/** The kinds with many files. */
export type ListedKind = "key" | "pack" | "index" | "snapshot";

/** Sizes of the files of a repository in bytes, by kind and name. */
export type Listing = Readonly<Record<ListedKind, ReadonlyMap<string, number>>>;

/** The order in which files are written: what comes later refers to what comes before. They are deleted in the reverse order. */
export const WRITE_ORDER: readonly ListedKind[] = ["key", "pack", "index", "snapshot"];

/**
 * What is in a store. Snapshots are listed first and packs after the index, so that whatever is listed has all that it refers to
 * in the listing too, even while a backup adds to the repository (restic format, section 12).
 */
export async function listFiles(backend: Backend, options: CallOptions): Promise<Listing> {
  const snapshot = await listKind(backend, "snapshot", options);
  const index = await listKind(backend, "index", options);
  const pack = await listKind(backend, "pack", options);
  return { snapshot, index, pack, key: await listKind(backend, "key", options) };
}

async function listKind(
  backend: Backend,
  kind: ListedKind,
  options: CallOptions,
): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  for await (const { name, size } of backend.list(kind, options)) files.set(name, size);
  return files;
}
