import * as fs from "node:fs";
import { ODD_NAMES, randomName } from "./odd-names.ts";
import { Random } from "./random.ts";
import { toPath, toRaw } from "./raw-path.ts";
import { setTimes } from "./set-times.ts";
import { walkTree } from "./walk-tree.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Around the limits of the chunker (512 KiB, 8 MiB), of its 64-byte window, and of a read buffer. */
const EDGE_SIZES = [
  0,
  1,
  63,
  64,
  65,
  4096,
  512 * KIB - 1,
  512 * KIB,
  512 * KIB + 1,
  MIB,
  3 * MIB + 7,
];

/** Nanoseconds since 1970; before it, at it, with all nine digits, and beyond 32 bits of seconds. */
const EDGE_TIMES: readonly bigint[] = [
  -1_000_000_000_000_000_001n,
  -1n,
  0n,
  1n,
  999_999_999n,
  1_700_000_000_123_456_789n,
  4_294_967_296_000_000_001n,
];

export interface RandomTreeOptions {
  readonly seed: string | number;
  /** About so many bytes of file content in all; 8 MiB unless given. */
  readonly size?: number | undefined;
  /** Files with random names besides one for each odd name; 100 unless given. */
  readonly files?: number | undefined;
  /** Leave out link targets that are not UTF-8, which restic before 0.16 cannot keep. */
  readonly utf8Targets?: boolean | undefined;
}

/**
 * Fill the empty or missing folder `root` with a tree that holds every kind of odd thing that a backup must keep: names,
 * sizes, content, links, modes, owners (as root), times. Equal options give equal trees but for inode and change time.
 */
export function makeRandomTree(root: string, options: RandomTreeOptions): void {
  const random = new Random(options.seed);
  const base = toRaw(root);
  fs.mkdirSync(root, { recursive: true });

  const folders = makeFolders(random, base, Math.max(8, Math.ceil((options.files ?? 100) / 30)));
  const files = makeFiles(random, base, folders, options);
  makeLinks(random, base, folders, files, options.utf8Targets ?? false);
  dressTree(random, base);
}

/** Content of one of the kinds that a backup meets: random, text, zeros, and a mix that repeats itself. */
export function randomContent(random: Random, size: number): Uint8Array {
  const kind = random.int(10);
  if (kind < 4) return random.bytes(size);
  if (kind < 8) return random.text(size);
  if (kind < 9) return new Uint8Array(size);
  const block = random.bytes(Math.max(1, Math.min(size, random.between(100, 700 * KIB))));
  return Uint8Array.from({ length: size }, (_, at) => block[at % block.length] ?? 0);
}

/** Random owner (as root), mode and time for `paths`, raw and from `/`. No mode keeps out the user who runs this. */
export function dressPaths(random: Random, paths: readonly string[]): void {
  const owners = [0, 1, 33, 1000, 65534, 4_000_000_000];
  const isRoot = process.getuid?.() === 0;
  const fileModes = [0o644, 0o600, 0o755, 0o400, 0o4755, 0o2755, 0o1644, 0o6711, 0o777];
  const folderModes = [0o755, 0o700, 0o1777, 0o2775];
  if (isRoot) {
    fileModes.push(0o000);
    folderModes.push(0o500);
  }
  const moments = [
    ...EDGE_TIMES,
    ...Array.from(
      { length: 12 },
      () => BigInt(random.int(2 ** 31)) * 1_000_000_000n + BigInt(random.int(1e9)),
    ),
  ];
  const times = new Map<string, bigint>();
  for (const path of paths) {
    const stats = fs.lstatSync(toPath(path));
    if (isRoot) fs.lchownSync(toPath(path), random.pick(owners), random.pick(owners));
    // After the owner: a change of owner takes away setuid and setgid.
    if (stats.isDirectory()) fs.chmodSync(toPath(path), random.pick(folderModes));
    else if (stats.isFile()) fs.chmodSync(toPath(path), random.pick(fileModes));
    times.set(path, random.pick(moments));
  }
  setTimes(times);
}

function makeFolders(random: Random, base: string, count: number): string[] {
  const folders = [base];
  const deep = Array.from({ length: 20 }, (_, level) => `deep${level}`).join("/");
  const candidates = ["empty", "a/b/c/d", "many", "A", deep, "folder \xff\xfe", "folder\n"];
  for (let n = 0; n < count; n++)
    candidates.push(`${random.chance(0.4) ? "a/b/" : ""}${randomName(random)}`);
  for (const path of candidates) {
    if (fs.existsSync(toPath(`${base}/${path}`))) continue;
    fs.mkdirSync(toPath(`${base}/${path}`), { recursive: true });
    if (path !== "empty") folders.push(`${base}/${path}`);
  }
  return folders;
}

function makeFiles(
  random: Random,
  base: string,
  folders: readonly string[],
  options: RandomTreeOptions,
): string[] {
  const count = options.files ?? 100;
  const size = options.size ?? 8 * MIB;
  const edges = EDGE_SIZES.filter((edge) => edge < size / 4);
  const mean = Math.max(0, size - edges.reduce((sum, edge) => sum + edge, 0)) / count;
  const files: string[] = [];
  const add = (path: string, bytes: number): void => {
    if (fs.existsSync(toPath(path))) return;
    fs.writeFileSync(toPath(path), randomContent(random, bytes));
    files.push(path);
  };
  for (const edge of edges) add(`${base}/size-${edge}`, edge);
  for (const name of ODD_NAMES) add(`${base}/many/${name}`, random.int(300));
  // Most files are small and few are large, as on a real machine; the mean of the square is a third.
  for (let n = 0; n < count; n++)
    add(
      `${random.pick(folders)}/${randomName(random)}`,
      Math.floor((random.int(1e6) / 1e6) ** 2 * 3 * mean),
    );
  return files;
}

function makeLinks(
  random: Random,
  base: string,
  folders: readonly string[],
  files: readonly string[],
  utf8Targets: boolean,
): void {
  const targets = [
    "missing",
    "/etc/passwd",
    ".",
    "..",
    "../..//x",
    'quo"te\\',
    "t".repeat(4000),
    "tab\there",
  ];
  if (!utf8Targets) targets.push("bad\xfftarget", "\xe2\x82");
  targets.push(...["é", "\u2028", "\u{1f600}", "<&>"].map(toRaw));
  targets.forEach((target, n) => fs.symlinkSync(toPath(target), toPath(`${base}/link-${n}`)));
  for (let n = 0; n < 12; n++)
    fs.linkSync(toPath(random.pick(files)), toPath(`${random.pick(folders)}/hard-${n}`));
  const first = files[0] ?? base;
  for (const folder of folders.slice(0, 3)) fs.linkSync(toPath(first), toPath(`${folder}/same`));
}

function dressTree(random: Random, base: string): void {
  dressPaths(
    random,
    Array.from(walkTree(base), (entry) => `${base}/${entry.path}`),
  );
}
