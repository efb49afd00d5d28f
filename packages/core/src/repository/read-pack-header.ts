import type { CallOptions } from "../backend/backend.ts";
import type { Opener } from "../crypto/opener.ts";
import {
  decodePackHeader,
  listsOnlyContents,
  decodePackTrailer,
  PACK_TRAILER_SIZE,
  type PackEntry,
} from "../format/pack-header.ts";
import type { UnpackedContext } from "./unpacked.ts";

/** Most headers are no longer, so that one read is enough, in bytes. */
const USUAL_SIZE = 16 << 10;

/**
 * What a pack says of itself, whether an index lists it or not. Who knows its size from a listing spares a request with `size`, in bytes.
 *
 * @throws {TsbakError} `not-found` if there is no such pack, `corrupt` if its header is damaged.
 */
export async function readPackHeader(
  { backend, opener }: UnpackedContext,
  name: string,
  options: CallOptions & { readonly size?: number | undefined } = {},
): Promise<PackEntry[]> {
  const ref = { kind: "pack", name } as const;
  const size = options.size ?? (await backend.stat(ref, options)).size;
  const readEnd = (length: number): Promise<Uint8Array> =>
    backend.read(ref, { offset: size - length, length }, options);
  let tail = size === 0 ? new Uint8Array() : await readEnd(Math.min(size, USUAL_SIZE));
  const length = decodePackTrailer(tail, size) + PACK_TRAILER_SIZE;
  if (length > tail.length) tail = await readEnd(length);
  return decodePackHeader(openHeader(opener, tail, length));
}

/** Whether a whole pack holds contents of files and nothing else; false also if that cannot be told. Its bytes stay as they are. */
export function isContentsPack(opener: Opener, pack: Uint8Array): boolean {
  try {
    const length = decodePackTrailer(pack, pack.length) + PACK_TRAILER_SIZE;
    return listsOnlyContents(openHeader(opener, pack, length));
  } catch {
    return false;
  }
}

/** The plain header, from the end of a pack, of which the last `length` bytes are the sealed header and the trailer. */
function openHeader(opener: Opener, tail: Uint8Array, length: number): Uint8Array {
  const sealed = tail.slice(tail.length - length, tail.length - PACK_TRAILER_SIZE);
  return opener.open(sealed);
}
