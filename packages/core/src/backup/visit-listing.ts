import { ENTRY_KIND, type Listing } from "./listing.ts";
import { FINGERPRINT_NUMBERS } from "./protocol.ts";

/** One entry of a listing that has to be followed up. */
export interface FollowUp {
  readonly name: Uint8Array;
  readonly text: string;
  readonly before: string | undefined;
}

/** A directory in a listing. */
export interface ListedInner {
  readonly subtree: string | undefined;
  readonly device: bigint;
  readonly listing: Listing | undefined;
}

/** What a reader of a listing does with its entries, in their order. Names and fingerprints are views of the listing. */
export interface ListingVisitor {
  complete(text: string, isSame: boolean): void;
  file(entry: FollowUp, fingerprint: Float64Array): void;
  directory(entry: FollowUp, inner: ListedInner): void;
  /** The tree `subtree` of the parent snapshot stands. */
  sameDirectory(entry: FollowUp, subtree: string): void;
}

/** Take a listing apart again. */
export function visitListing(listing: Listing, visitor: ListingVisitor): void {
  const { names, lengths, kinds, stats } = listing;
  const nextText = textReader(listing.texts);
  let [nameAt, followed, files, directories] = [0, 0, 0, 0];
  for (let at = 0; at < kinds.length; at++) {
    const text = nextText(lengths[at] as number);
    const kind = kinds[at];
    if (kind === ENTRY_KIND.same || kind === ENTRY_KIND.complete) {
      visitor.complete(text, kind === ENTRY_KIND.same);
      continue;
    }
    const nameEnd = names.indexOf(0, nameAt);
    const name = names.subarray(nameAt, nameEnd);
    const entry = { name, text, before: listing.before[followed++] };
    nameAt = nameEnd + 1;
    if (kind === ENTRY_KIND.file) {
      const base = files++ * FINGERPRINT_NUMBERS;
      visitor.file(entry, stats.subarray(base, base + FINGERPRINT_NUMBERS));
    } else if (kind === ENTRY_KIND.sameDirectory) {
      visitor.sameDirectory(entry, listing.subtrees[directories++] as string);
    } else visitor.directory(entry, innerAt(listing, directories++));
  }
}

/** Gives one text after another, of the length that is asked for. */
function textReader(pieces: readonly string[]): (length: number) => string {
  let [piece, at] = [0, 0];
  return (length) => {
    if (at === pieces[piece]?.length) [piece, at] = [piece + 1, 0];
    return (pieces[piece] as string).slice(at, (at += length));
  };
}

function innerAt(listing: Listing, at: number): ListedInner {
  const { subtrees, devices, inner } = listing;
  return { subtree: subtrees[at], device: devices[at] ?? 0n, listing: inner[at] };
}
