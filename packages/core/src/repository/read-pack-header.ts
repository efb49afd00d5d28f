import type { CallOptions } from "../backend/backend.ts";
import {
  decodePackHeader,
  decodePackTrailer,
  PACK_TRAILER_SIZE,
  type PackEntry,
} from "../format/pack-header.ts";
import type { UnpackedContext } from "./unpacked.ts";

/** Most headers are no longer, so that one read is enough, in bytes. */
const USUAL_SIZE = 16 << 10;

/**
 * What a pack says of itself, whether an index lists it or not.
 *
 * @throws {TsbakError} `not-found` if there is no such pack, `corrupt` if its header is damaged.
 */
export async function readPackHeader(
  { backend, opener }: UnpackedContext,
  name: string,
  options: CallOptions = {},
): Promise<PackEntry[]> {
  const ref = { kind: "pack", name } as const;
  const { size } = await backend.stat(ref, options);
  const readEnd = (length: number): Promise<Uint8Array> =>
    backend.read(ref, { offset: size - length, length }, options);
  let tail = await readEnd(Math.min(size, USUAL_SIZE));
  const length = decodePackTrailer(tail, size) + PACK_TRAILER_SIZE;
  if (length > tail.length) tail = await readEnd(length);
  const sealed = tail.subarray(tail.length - length, tail.length - PACK_TRAILER_SIZE);
  return decodePackHeader(opener.open(sealed));
}
