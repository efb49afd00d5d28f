import { expect, test } from "vitest";
import { ListingWriter } from "./listing-writer.ts";
import { visitListing } from "./visit-listing.ts";
import type { FileStat } from "../fs/stat.ts";
import type { Listing } from "./listing.ts";

const COUNT = 3000;

function statOf(at: number): FileStat {
  return {
    mode: 0o100644,
    size: at,
    uid: 0,
    gid: 0,
    inode: BigInt(at),
    deviceId: 1n,
    rdev: 0n,
    links: 1,
    mtimeSeconds: at,
    mtimeNanoseconds: 0,
    ctimeSeconds: at,
    ctimeNanoseconds: 0,
    atimeSeconds: at,
    atimeNanoseconds: 0,
  };
}

const nameOf = (at: number): string => `file-${String(at)}-é-漢`;
const textOf = (at: number): string => `{"name":"${nameOf(at)}",`;

function read(listing: Listing): { texts: string[]; names: string[]; sizes: number[] } {
  const texts: string[] = [];
  const names: string[] = [];
  const sizes: number[] = [];
  visitListing(listing, {
    complete: (text) => texts.push(text),
    file: ({ text, name }, fingerprint) => {
      texts.push(text);
      names.push(Buffer.from(name).toString());
      sizes.push(fingerprint[0] as number);
    },
    directory: () => undefined,
    sameDirectory: () => undefined,
  });
  return { texts, names, sizes };
}

test("a large directory comes out of a listing as it went in", () => {
  const writer = new ListingWriter(false);
  for (let at = 0; at < COUNT; at++) {
    writer.addFile(Buffer.from(nameOf(at)), statOf(at), textOf(at), undefined);
  }

  const listing = writer.finish(false, true);

  const all = Array.from({ length: COUNT }, (_, at) => at);
  expect(read(listing)).toEqual({ texts: all.map(textOf), names: all.map(nameOf), sizes: all });
  expect(listing.texts.length).toBeGreaterThan(1);
});

test("what is the same is left out of a listing, unless the very last entry differs", () => {
  const same = (count: number, last: string): Listing => {
    const writer = new ListingWriter(false);
    for (let at = 0; at < count; at++) {
      writer.addComplete(textOf(at), { text: textOf(at) } as never);
    }
    if (last !== "") writer.addComplete(last, undefined);
    return writer.finish(true, true);
  };

  expect(same(COUNT, "")).toMatchObject({ isPartial: true, texts: [] });
  const changed = same(COUNT, '{"name":"new"}');
  expect(changed.isPartial).toBe(false);
  expect(read(changed).texts).toHaveLength(COUNT + 1);
  expect(read(changed).texts.at(-1)).toBe('{"name":"new"}');
});
