import * as fs from "node:fs";
import { join } from "node:path";
import { Random } from "../test/random.ts";

const MIB = 1024 * 1024;

/** A source to back up. */
export interface DataSet {
  /** For the table. */
  readonly title: string;
  /** Absolute path of a folder. */
  readonly folder: string;
}

export interface DataOptions {
  /** Where the data is made and kept for the next run. */
  readonly folder: string;
  /** The system tree: read where it is, or copied first. */
  readonly system: string;
  readonly copySystem: boolean;
  /** About a sixteenth of everything, to see whether the bench runs. */
  readonly quick: boolean;
  /** Whether a set, by its short name (system, small, million, random, text), takes part. */
  readonly chosen: (name: string) => boolean;
}

/** Make what is missing of the sources that the budget names. Data is the same on every machine but for the system tree. */
export function makeDataSets(options: DataOptions): DataSet[] {
  const scale = options.quick ? 1 / 16 : 1;
  const kind = options.quick ? "quick" : "full";
  const fillers: readonly (readonly [name: string, title: string, (folder: string) => void])[] = [
    ["system", `system tree, ${options.system}`, (folder) => copyTree(options.system, folder)],
    ["small", "many files of 0-8 KiB", (folder) => fillSmall(folder, 100_000 * scale, 100, 8192)],
    [
      "million",
      "a million files of 0-2 KiB",
      (folder) => fillSmall(folder, 1e6 * scale, 1e4 * scale, 2048),
    ],
    ["random", "one random file", (folder) => fillLarge(folder, 2048 * scale, randomMib)],
    ["text", "one text file", (folder) => fillLarge(folder, 2048 * scale, textMib())],
  ];
  return fillers
    .filter(([name]) => options.chosen(name))
    .map(([name, title, fill]) => {
      if (name === "system" && !options.copySystem) return { title, folder: options.system };
      const folder = join(options.folder, `${name}-${kind}`);
      if (!fs.existsSync(folder)) fillOnce(folder, fill);
      return { title, folder };
    });
}

function copyTree(source: string, folder: string): void {
  fs.cpSync(source, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
}

/** Fill under another name first, so that a run that was interrupted leaves nothing that looks whole. */
function fillOnce(folder: string, fill: (folder: string) => void): void {
  const partial = `${folder}.partial`;
  fs.rmSync(partial, { recursive: true, force: true });
  fs.mkdirSync(partial, { recursive: true });
  fill(partial);
  fs.renameSync(partial, folder);
}

/** Half of the files text, half random, as in a folder of sources and pictures. */
function fillSmall(folder: string, count: number, folders: number, maxSize: number): void {
  const random = new Random("bench small");
  const text = textMib()(new Random("bench words"));
  for (let n = 0; n < count; n++) {
    const inside = join(folder, `folder-${String(n % folders).padStart(2, "0")}`);
    if (n < folders) fs.mkdirSync(inside);
    const size = random.int(maxSize + 1);
    const at = random.int(text.length - size);
    const content = n % 2 === 0 ? random.bytes(size) : text.subarray(at, at + size);
    fs.writeFileSync(join(inside, `file-${n}`), content);
  }
}

function fillLarge(folder: string, mib: number, next: (random: Random) => Uint8Array): void {
  const random = new Random("bench large");
  const file = fs.openSync(join(folder, "large"), "w");
  for (let n = 0; n < mib; n++) fs.writeSync(file, next(random));
  fs.closeSync(file);
}

function randomMib(random: Random): Uint8Array {
  return random.bytes(MIB);
}

/**
 * A source of text, 1 MiB at a time, that zstd makes about 3 times smaller: lines of a log, each a few phrases of a language
 * of its own, the short ones frequent, and an id.
 */
function textMib(): (random: Random) => Uint8Array {
  const random = new Random("bench language");
  const list = <T>(length: number, item: () => T): T[] => Array.from({ length }, item);
  const letter = (): string => String.fromCharCode(97 + random.int(26));
  const words = list(4096, () => list(random.between(2, 11), letter).join(""));
  const phrases = list(16_384, () =>
    list(random.between(1, 6), () => random.pick(words)).join(" "),
  );
  return (choices) => {
    const out = Buffer.alloc(MIB);
    const picks = Buffer.from(choices.bytes(MIB / 2));
    for (let at = 0, n = 0; at < MIB; n += 18) {
      for (let part = n; part < n + 9 && at < MIB; part += 3) {
        // The product of two random numbers is small more often than large.
        const pick = ((picks[part] ?? 0) * (picks[part + 1] ?? 0) * 64) >>> 8;
        at += out.write(`${phrases[pick + ((picks[part + 2] ?? 0) & 63)]} `, at, "latin1");
      }
      at += out.write(`${picks.toString("base64", n + 9, n + 18)}\n`, Math.min(at, MIB), "latin1");
    }
    return out;
  };
}
