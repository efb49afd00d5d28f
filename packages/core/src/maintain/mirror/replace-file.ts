import type { Backend, CallOptions, FileRef, WriteOptions } from "../../backend/backend.ts";
import { listFiles, WRITE_ORDER, type Listing, type ListedKind } from "./listing.ts";
import { putFile } from "./put-file.ts";
import { readWhole } from "./read-whole.ts";

/** Put whole bytes in the place of a damaged file. Killed in between, it leaves the file missing. */
export async function replaceFile(
  backend: Backend,
  file: FileRef,
  bytes: Uint8Array,
  options: WriteOptions,
): Promise<void> {
  await backend.remove(file, options);
  await putFile(backend, file, bytes, options);
}

/**
 * The same at the source, from which files are deleted by being removed: one that is missing because the process was killed must not
 * be taken for such. So a spare is stored before, among the packs: there its name cannot be that of anything else, and everybody takes
 * it for a pack that no index names. `finishReplacements` sees by it what was begun. A pack needs none: the index names it.
 */
export async function replaceAtSource(
  backend: Backend,
  file: FileRef,
  bytes: Uint8Array,
  options: WriteOptions,
): Promise<void> {
  if (file.kind === "pack") return replaceFile(backend, file, bytes, options);
  await putFile(backend, spareOf(file), bytes, options);
  await replaceFile(backend, file, bytes, options);
  await backend.remove(spareOf(file), options);
}

/** List the source, after what `replaceAtSource` began there has been brought to its end. Without `mayWrite` it is only listed. */
export async function listFinished(
  backend: Backend,
  target: Listing,
  mayWrite: boolean,
  options: CallOptions,
): Promise<Listing> {
  const source = await listFiles(backend, options);
  const spares = mayWrite ? findSpares(source, target) : [];
  if (spares.length === 0) return source;
  for (const file of spares) {
    const bytes = await readWhole(backend, spareOf(file), options);
    if (typeof bytes === "string") continue;
    // What stands there may still be the damaged one, which is then found once more.
    await putFile(backend, file, bytes, options);
    await backend.remove(spareOf(file), options);
  }
  return listFiles(backend, options);
}

function findSpares(source: Listing, target: Listing): FileRef[] {
  const kinds = WRITE_ORDER.filter((kind) => kind !== "pack");
  return kinds.flatMap((kind: ListedKind) => {
    const names = new Set([...source[kind].keys(), ...target[kind].keys()]);
    return [...names].filter((name) => source.pack.has(name)).map((name) => ({ kind, name }));
  });
}

function spareOf({ name }: FileRef): FileRef {
  return { kind: "pack", name };
}
