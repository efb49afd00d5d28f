import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mustOn, type TestRepository } from "../steps.ts";

/** One byte of a repository, and what its damage must lead to. */
export interface Region {
  readonly kind: "config" | "key" | "index" | "snapshot" | "data pack" | "tree pack";
  readonly title: string;
  /** Path below the repository. */
  readonly file: string;
  readonly offset: number;
  /** Verify must print one of these. */
  readonly names: readonly string[];
  /** Whether everything can still be restored. */
  readonly restorable: boolean;
}

interface IndexedPack {
  readonly id: string;
  readonly blobs: readonly {
    readonly type: string;
    readonly offset: number;
    readonly length: number;
  }[];
}

const IV_SIZE = 16;
const MAC_SIZE = 16;
const TRAILER_SIZE = 4;

/** A byte in each region of one file of each kind: sections 2, 3 and 5 of the format notes. */
export async function findRegions(repository: TestRepository): Promise<Region[]> {
  return [
    ...sealedRegions(repository, "config", "config", ["config"]),
    ...keyRegions(repository),
    ...sealedRegions(repository, "index", only(repository, "index")),
    ...sealedRegions(repository, "snapshot", only(repository, "snapshots")),
    ...(await packRegions(repository)),
  ];
}

/** A file that is sealed as one piece. */
function sealedRegions(
  repository: TestRepository,
  kind: "config" | "index" | "snapshot",
  file: string,
  names: readonly string[] = [shortId(file)],
): Region[] {
  const { length } = readFileSync(join(repository.folder, file));
  const places = { nonce: 3, content: Math.floor(length / 2), "authentication code": length - 5 };
  return Object.entries(places).map(([place, offset]) => ({
    kind,
    title: `a byte in the ${place} of the ${kind}`,
    file,
    offset,
    names,
    restorable: false,
  }));
}

function keyRegions(repository: TestRepository): Region[] {
  const file = only(repository, "keys");
  const text = readFileSync(join(repository.folder, file), "latin1");
  return ["salt", "data"].map((field) => ({
    kind: "key",
    title: `a byte in the ${field} of the key`,
    file,
    offset: text.indexOf(`"${field}":"`) + field.length + 24,
    names: ["key", "password"],
    restorable: false,
  }));
}

async function packRegions(repository: TestRepository): Promise<Region[]> {
  const packs: IndexedPack[] = [];
  for (const name of readdirSync(join(repository.folder, "index"))) {
    // Restic prints the index as it is, so that what is damaged is chosen by another reader than ours.
    const index = JSON.parse(await mustOn(repository, "restic", ["cat", "index", name])) as {
      packs: IndexedPack[];
    };
    packs.push(...index.packs);
  }
  return (["data", "tree"] as const).flatMap((type) => {
    const pack = packs.find(({ blobs }) => blobs[0]?.type === type);
    if (!pack) throw new Error(`There is no pack with ${type} blobs`);
    return onePackRegions(repository, pack, `${type} pack`);
  });
}

function onePackRegions(
  repository: TestRepository,
  pack: IndexedPack,
  kind: "data pack" | "tree pack",
): Region[] {
  const file = join("data", pack.id.slice(0, 2), pack.id);
  const content = readFileSync(join(repository.folder, file));
  const headerEnd = content.length - TRAILER_SIZE;
  const headerStart = headerEnd - content.readUInt32LE(headerEnd);
  const blobs = pack.blobs.toSorted((a, b) => a.offset - b.offset);
  const blob = blobs[Math.floor(blobs.length / 2)] ?? { offset: 0, length: 1 };
  const inBlob = {
    "the nonce of a blob": blob.offset + 1,
    "the content of a blob":
      blob.offset + IV_SIZE + Math.floor((blob.length - IV_SIZE - MAC_SIZE) / 2),
    "the authentication code of a blob": blob.offset + blob.length - 1,
  };
  const inHeader = {
    "the nonce of the header": headerStart + 2,
    "the header": headerStart + IV_SIZE + 9,
    "the authentication code of the header": headerEnd - 2,
    "the length of the header": headerEnd,
    "the high end of the length of the header": headerEnd + 3,
  };
  const region = (place: string, offset: number, restorable: boolean): Region => ({
    kind,
    title: `a byte in ${place} of a ${kind}`,
    file,
    offset,
    names: [shortId(file)],
    restorable,
  });
  return [
    ...Object.entries(inBlob).map(([place, offset]) => region(place, offset, false)),
    // Readers find blobs by the index and do without the header.
    ...Object.entries(inHeader).map(([place, offset]) => region(place, offset, true)),
  ];
}

/** The first file of a folder of the repository. */
function only(repository: TestRepository, folder: string): string {
  const [name] = readdirSync(join(repository.folder, folder));
  if (name === undefined) throw new Error(`There is no file in ${folder}`);
  return join(folder, name);
}

function shortId(file: string): string {
  return file.slice(file.lastIndexOf("/") + 1).slice(0, 8);
}
