import type { Opener } from "../../crypto/opener.ts";
import {
  decodePackTrailer,
  packEntries,
  packHeaderSize,
  PACK_TRAILER_SIZE,
  type PackEntry,
} from "../../format/pack-header.ts";
import type { SharedIndexView } from "../../repository/shared-index.ts";
import type { PackSource } from "./pack-source.ts";

interface LayoutTools {
  readonly index: SharedIndexView;
  readonly opener: Opener;
}

/**
 * Check that the blobs of a whole pack lie side by side from 0, and that its header lists them exactly as the index does.
 *
 * @throws {TsbakError} `corrupt` for a header that cannot be read.
 */
export function checkLayout(
  source: PackSource,
  entries: Uint32Array,
  { index, opener }: LayoutTools,
  onFault: (fault: string) => void,
): void {
  let offset = 0;
  let compressed = 0;
  for (const entry of entries) {
    if (index.offsetAt(entry) !== offset) {
      onFault(`the index lists a gap or an overlap at offset ${offset}`);
      break;
    }
    offset += index.lengthAt(entry);
    if (index.uncompressedLengthAt(entry) !== 0) compressed++;
  }
  const length = source.end;
  const end = length - PACK_TRAILER_SIZE;
  const size = decodePackTrailer(source.read(Math.max(end, 0), length), length);
  const expected = packHeaderSize({ compressed, uncompressed: entries.length - compressed });
  if (size + PACK_TRAILER_SIZE !== expected) {
    onFault(`its header has ${size + PACK_TRAILER_SIZE} bytes, by the index ${expected}`);
  } else if (offset + expected !== length) {
    onFault(`it has ${length} bytes, by the index ${offset + expected}`);
  }
  const plain = opener.open(source.read(end - size, end));
  if (!listsSame(plain, entries, index)) onFault("its header lists other blobs than the index");
}

function listsSame(plain: Uint8Array, entries: Uint32Array, index: SharedIndexView): boolean {
  let at = 0;
  // One by one: a pack may have 100,000 blobs, and what lives that long stays in memory until much more has been gathered.
  for (const blob of packEntries(plain)) {
    const entry = entries[at++];
    if (entry === undefined || !isListed(blob, entry, index)) return false;
  }
  return at === entries.length;
}

function isListed(blob: PackEntry, entry: number, index: SharedIndexView): boolean {
  return (
    index.offsetAt(entry) === blob.offset &&
    index.lengthAt(entry) === blob.length &&
    index.uncompressedLengthAt(entry) === blob.uncompressedLength &&
    index.isTreeAt(entry) === (blob.type === "tree") &&
    index.hasIdAt(entry, blob.id)
  );
}
