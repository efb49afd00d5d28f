import * as fs from "node:fs";
import { dirname } from "node:path/posix";
import { randomName } from "./odd-names.ts";
import { dressPaths, randomContent } from "./random-tree.ts";
import { Random } from "./random.ts";
import { toPath, toRaw } from "./raw-path.ts";
import { walkTree } from "./walk-tree.ts";

export interface MutateOptions {
  readonly seed: string | number;
  /** How many things happen; 40 unless given. */
  readonly changes?: number | undefined;
  /** The largest piece of content that one change adds; 1 MiB unless given. */
  readonly largest?: number | undefined;
}

/** What one change works on. Paths are raw and from `/`. */
interface Scene {
  readonly random: Random;
  readonly largest: number;
  readonly files: readonly string[];
  readonly folders: readonly string[];
  readonly links: readonly string[];
  /** Paths whose metadata is to be set anew at the end. */
  readonly touched: Set<string>;
}

/** What happens to a tree between two backups. Frequent things stand more than once. */
const CHANGES: readonly ((scene: Scene) => void)[] = [
  overwrite,
  overwrite,
  insert,
  append,
  append,
  truncate,
  rename,
  rename,
  remove,
  add,
  add,
  add,
  touch,
  touch,
  addFolder,
  renameFolder,
  replaceByLink,
  replaceByFolder,
  retarget,
  linkHard,
];

/**
 * Change the tree below `root` at random: content, names, kinds, metadata. Equal trees and options give equal results but
 * for the times of what was edited, which are the present as on a real machine.
 */
export function mutateTree(root: string, options: MutateOptions): void {
  const random = new Random(options.seed);
  const base = toRaw(root);
  const touched = new Set<string>();
  const largest = options.largest ?? 1024 * 1024;
  // A change may remove what the next would need, so the tree is listed again now and then.
  const [changes, batch] = [options.changes ?? 40, 20];
  for (let done = 0; done < changes; done += batch) {
    const scene = { random, largest, touched, ...listTree(base) };
    for (let n = done; n < Math.min(changes, done + batch); n++) random.pick(CHANGES)(scene);
  }
  dressPaths(random, [...touched].filter(exists));
}

function listTree(base: string): Pick<Scene, "files" | "folders" | "links"> {
  const [files, folders, links]: [string[], string[], string[]] = [[], [base], []];
  for (const { path, stats } of walkTree(base)) {
    if (stats.isFile()) files.push(`${base}/${path}`);
    else if (stats.isDirectory()) folders.push(`${base}/${path}`);
    else if (stats.isSymbolicLink()) links.push(`${base}/${path}`);
  }
  return { files, folders, links };
}

function exists(path: string): boolean {
  return fs.lstatSync(toPath(path), { throwIfNoEntry: false }) !== undefined;
}

/** A file of the scene that still is one, or undefined if the one picked is gone. */
function pickFile(scene: Scene): string | undefined {
  if (scene.files.length === 0) return undefined;
  const path = scene.random.pick(scene.files);
  return fs.lstatSync(toPath(path), { throwIfNoEntry: false })?.isFile() ? path : undefined;
}

/** A path that nothing has yet, in a folder that is still there. */
function pickNewPath(scene: Scene): string | undefined {
  const path = `${scene.random.pick(scene.folders)}/${randomName(scene.random)}`;
  return exists(dirname(path)) && !exists(path) ? path : undefined;
}

function edit(scene: Scene, change: (content: Buffer) => Uint8Array): void {
  const path = pickFile(scene);
  if (path === undefined) return;
  fs.writeFileSync(toPath(path), change(fs.readFileSync(toPath(path))));
  if (scene.random.chance(0.5)) scene.touched.add(path);
}

function piece(scene: Scene): Uint8Array {
  return randomContent(
    scene.random,
    Math.floor((scene.random.int(1e6) / 1e6) ** 3 * scene.largest),
  );
}

function overwrite(scene: Scene): void {
  edit(scene, (content) => {
    const at = scene.random.int(content.length + 1);
    content.set(piece(scene).subarray(0, content.length - at), at);
    return content;
  });
}

function insert(scene: Scene): void {
  edit(scene, (content) => {
    const at = scene.random.int(content.length + 1);
    return Buffer.concat([content.subarray(0, at), piece(scene), content.subarray(at)]);
  });
}

function append(scene: Scene): void {
  edit(scene, (content) => Buffer.concat([content, piece(scene)]));
}

function truncate(scene: Scene): void {
  edit(scene, (content) => content.subarray(0, scene.random.int(content.length + 1)));
}

function rename(scene: Scene): void {
  const [from, to] = [pickFile(scene), pickNewPath(scene)];
  if (from !== undefined && to !== undefined) fs.renameSync(toPath(from), toPath(to));
}

function remove(scene: Scene): void {
  const path = pickFile(scene);
  if (path !== undefined) fs.unlinkSync(toPath(path));
}

function add(scene: Scene): void {
  const path = pickNewPath(scene);
  if (path === undefined) return;
  fs.writeFileSync(toPath(path), piece(scene));
  scene.touched.add(path);
}

function touch(scene: Scene): void {
  const path = pickFile(scene);
  if (path !== undefined) scene.touched.add(path);
}

function addFolder(scene: Scene): void {
  const path = pickNewPath(scene);
  if (path === undefined) return;
  fs.mkdirSync(toPath(path));
  fs.writeFileSync(toPath(`${path}/inside`), piece(scene));
  scene.touched.add(`${path}/inside`).add(path);
}

function renameFolder(scene: Scene): void {
  const [from, to] = [
    scene.random.pick(scene.folders.slice(1).concat("/nowhere")),
    pickNewPath(scene),
  ];
  if (to === undefined || !exists(from) || `${to}/`.startsWith(`${from}/`)) return;
  fs.renameSync(toPath(from), toPath(to));
}

function replaceByLink(scene: Scene): void {
  const path = pickFile(scene);
  if (path === undefined) return;
  fs.unlinkSync(toPath(path));
  fs.symlinkSync(toPath(randomTarget(scene)), toPath(path));
  scene.touched.add(path);
}

function replaceByFolder(scene: Scene): void {
  const path = pickFile(scene);
  if (path === undefined) return;
  fs.unlinkSync(toPath(path));
  fs.mkdirSync(toPath(path));
  scene.touched.add(path);
}

function retarget(scene: Scene): void {
  const path = scene.random.pick(scene.links.concat("/nowhere"));
  if (!exists(path)) return;
  fs.rmSync(toPath(path), { recursive: true });
  fs.symlinkSync(toPath(randomTarget(scene)), toPath(path));
}

function linkHard(scene: Scene): void {
  const [from, to] = [pickFile(scene), pickNewPath(scene)];
  if (from !== undefined && to !== undefined) fs.linkSync(toPath(from), toPath(to));
}

/** UTF-8, so that a tree made without other targets stays without. */
function randomTarget(scene: Scene): string {
  return `../target/${scene.random.int(1e6)}`;
}
