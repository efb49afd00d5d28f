import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { ODD_NAMES } from "./odd-names.ts";
import { Random } from "./random.ts";
import { toPath, toRaw } from "./raw-path.ts";
import { setTimes } from "./set-times.ts";

export interface TortureOptions {
  /** Files in one folder. */
  readonly entries: number;
  /** Length of a file with a little data in it, in bytes. */
  readonly sparseSize: number;
  /** Leave out what restic stores but does not restore: hard links of anything but files, times after 2262. */
  readonly asRestic?: boolean | undefined;
  /** With inode flags; they have to be cleared before the tree can be removed. */
  readonly withFlags?: boolean | undefined;
}

/** The first and the last second that ext4 knows, in nanoseconds since 1970, and more that overflow somewhere. */
const TIMES: readonly bigint[] = [
  -2_147_483_648_000_000_000n,
  -1n,
  999_999_999n,
  4_294_967_295_999_999_999n,
];
const TIMES_AFTER_2262: readonly bigint[] = [
  9_223_372_037_000_000_001n,
  15_032_385_535_000_000_000n,
];
const DEPTH = 200;
const ATTRIBUTES = 300;
const MIB = 1 << 20;

/** Shell commands, to be run in the folder of the tree as root. */
const SCRIPT = `
mkdir types links links/other acls modes
cd types
echo text > file; : > empty; mkdir folder; ln -s nowhere symlink; mkfifo fifo
mknod null c 1 3; mknod block b 7 200; mknod far c 4095 1048575
chown 4000000000:4000000001 file folder; chown -h 4000000000:4000000001 symlink
cd ../links
echo one > file; ln file other/file; ln file again
cd ../acls
echo acl > file; setfacl -m u:12:rwx,g:4000000000:r,m::rx file
mkdir defaults; setfacl -m u:13:x,d:u:14:rwx,d:g:15:r defaults; echo inherits > defaults/file
cp /bin/true capable; setcap cap_net_raw,cap_setuid+ep capable
cd ../modes
for mode in 0000 4755 2755 1644 6711 7777; do echo $mode > $mode; chmod $mode $mode; done
mkdir sticky group; chmod 1777 sticky; chmod 2775 group
`;

/** Hard links that restic does not restore. */
const ODD_LINKS = `
cd links
ln -s x symlink; ln -P symlink other/symlink
mkfifo fifo; ln fifo other/fifo
mknod null c 1 3; ln null other/null
`;

/** In folders of their own: what is immutable takes no further names. */
const FLAGS = `
mkdir -p flags/fixed/inner flags/growing
echo text > flags/fixed/inner/file; echo text > flags/growing/log; echo text > flags/unsaved
touch -d 1960-01-01 flags/fixed/inner/file flags/fixed/inner
chattr +i flags/fixed/inner/file flags/fixed/inner flags/fixed
chattr +a flags/growing/log flags/growing
chattr +d flags/unsaved
`;

/**
 * Fill the empty folder `root` with one of everything that a machine's file systems can hold. It must lie where extended attributes
 * may be long, such as a tmpfs, and takes root, attr, acl and libcap2-bin.
 *
 * @throws {Error} If one of the system's commands fails.
 */
export function makeTortureTree(root: string, options: TortureOptions): void {
  const random = new Random("torture");
  run(SCRIPT, root);
  if (options.asRestic !== true) run(ODD_LINKS, root);
  run('$NODE -e "$SOCKET" || true', root);
  makeAttributes(random, root);
  makeNames(random, join(root, "names"));
  makeDeep(join(root, "deep"));
  makeMany(join(root, "many"), options.entries);
  makeSparse(random, join(root, "sparse"), options.sparseSize);
  makeTimes(join(root, "times"), options.asRestic ?? false);
  if (options.withFlags === true) run(FLAGS, root);
}

/** A server that is killed leaves its socket; in the root, whose own time nobody compares. */
const SOCKET = `require("net").createServer().listen("socket", () => process.kill(process.pid, "SIGKILL"))`;

function run(script: string, cwd: string, input?: string): void {
  const env = { ...process.env, NODE: process.execPath, SOCKET };
  const result = spawnSync("bash", ["-euc", script], { cwd, env, input, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`Cannot make the tree: ${result.stderr}`);
}

/** On a file, a folder and a symlink; names and values of all kinds. */
function makeAttributes(random: Random, root: string): void {
  const folder = join(root, "attributes");
  fs.mkdirSync(join(folder, "folder"), { recursive: true });
  for (const name of ["many", "long", "binary"]) fs.writeFileSync(join(folder, name), name);
  fs.symlinkSync("nowhere", join(folder, "symlink"));
  const base64 = (bytes: Uint8Array): string => `0s${Buffer.from(bytes).toString("base64")}`;
  const many = Array.from({ length: ATTRIBUTES }, (_, at) => `user.name-${at}="value ${at}"`);
  const sections = [
    ["many", ...many],
    ["long", `user.long=${base64(random.bytes(65_536))}`],
    [
      "binary",
      `user.binary=${base64(random.bytes(256))}`,
      "user.empty",
      'user.\\303\\244="umlaut"',
    ],
    ["folder", 'user.of-folder="x"', 'trusted.of-root="y"'],
    ["symlink", 'trusted.of-symlink="z"'],
  ];
  const text = sections.map(([name, ...lines]) => `# file: ${name}\n${lines.join("\n")}\n`);
  run("setfattr -h --restore=-", folder, text.join("\n"));
}

function makeNames(random: Random, folder: string): void {
  fs.mkdirSync(folder);
  const long = Array.from({ length: 20 }, () =>
    toRaw(random.bytes(255).map((byte) => (byte === 0 || byte === 0x2f ? 0x80 : byte))),
  );
  for (const name of [...ODD_NAMES, ...long]) {
    fs.writeFileSync(toPath(`${toRaw(folder)}/${name}`), name);
  }
}

function makeDeep(folder: string): void {
  fs.mkdirSync(folder);
  let path = folder;
  for (let depth = 0; depth < DEPTH; depth++) {
    path = join(path, `d${depth}`);
    fs.mkdirSync(path);
    fs.writeFileSync(join(path, "file"), String(depth));
  }
}

function makeMany(folder: string, entries: number): void {
  fs.mkdirSync(folder);
  for (let at = 0; at < entries; at++) fs.writeFileSync(join(folder, `file-${at}`), `${at % 100}`);
}

function makeSparse(random: Random, path: string, size: number): void {
  const file = fs.openSync(path, "w");
  try {
    fs.ftruncateSync(file, size);
    for (const place of [0.2, 0.5, 0.9]) {
      fs.writeSync(file, random.bytes(MIB), 0, MIB, Math.floor((place * size) / 4096) * 4096);
    }
  } finally {
    fs.closeSync(file);
  }
}

function makeTimes(folder: string, asRestic: boolean): void {
  fs.mkdirSync(folder);
  const times = new Map<string, bigint>();
  for (const [at, time] of [...TIMES, ...(asRestic ? [] : TIMES_AFTER_2262)].entries()) {
    fs.writeFileSync(join(folder, `file-${at}`), "");
    fs.symlinkSync("nowhere", join(folder, `symlink-${at}`));
    fs.mkdirSync(join(folder, `folder-${at}`));
    for (const type of ["file", "symlink", "folder"]) {
      times.set(toRaw(join(folder, `${type}-${at}`)), time);
    }
  }
  setTimes(times);
}
