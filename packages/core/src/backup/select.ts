import { byteKey } from "../bytes/byte-key.ts";
import { equalBytes } from "../bytes/compare.ts";
import type { DecidingPattern, PatternList } from "../fs/filter.ts";
import { IgnoreFiles, type FolderRules, type IgnoreDecision } from "../fs/ignore-rules.ts";
import { nodeType } from "../fs/mode.ts";
import { joinPath, printablePath, toPathBytes } from "../fs/path.ts";
import { isTagged, type TagFile } from "../fs/tag-file.ts";
import type { DirectoryPlace } from "./directory-place.ts";

/** Why an entry is left out: for those who ask. */
export type Exclusion =
  "pattern" | "other-file-system" | "own-cache" | "tag-file" | "ignore-file" | "size";

/** What a backup leaves out. */
export interface SelectOptions {
  /** Each list on its own may exclude. Patterns are matched against absolute paths. */
  readonly patternLists: readonly PatternList[];
  readonly oneFileSystem: boolean;
  /** Absolute path of our own cache, which is never saved. */
  readonly cacheDirectory: Uint8Array | undefined;
  /** A folder that one of them marks is saved without its contents, but for the tag. */
  readonly tagFiles: readonly TagFile[];
  /** Files of such names say what is left out from their folders on, as `.gitignore` does in git. */
  readonly ignoreFileNames: readonly string[];
  /** Whatever is longer is left out, but for directories. In bytes. */
  readonly largestSize: number | undefined;
}

/** What of an entry's state decides whether it is saved. */
export interface EntryState {
  readonly mode: number;
  readonly size: number;
  readonly deviceId: bigint;
}

/** Why something is left out, or taken back: to be read behind its path. */
export interface Reason {
  /** Undefined if it is not left out. */
  readonly exclusion: Exclusion | undefined;
  readonly text: string;
}

/** Decides what is saved. */
export class Selection {
  readonly #options: SelectOptions;
  readonly #ignoreFiles: IgnoreFiles | undefined;

  constructor(options: SelectOptions) {
    this.#options = options;
    const { ignoreFileNames } = options;
    if (ignoreFileNames.length > 0) this.#ignoreFiles = new IgnoreFiles(ignoreFileNames);
  }

  get oneFileSystem(): boolean {
    return this.#options.oneFileSystem;
  }

  /** For the entries of a directory, which is looked at now: contents of other directories do not matter to them. */
  enter(place: DirectoryPlace): DirectorySelection {
    return new DirectorySelection(this.#options, place, this.#ignoreFiles);
  }
}

/**
 * Decides what is saved of one directory. Ask for each entry `byName` and then, where that gives undefined, `byState`. Both give the
 * reason why the entry is left out.
 */
export class DirectorySelection {
  /** What people should know of files in the directory that decide, but cannot be read. */
  readonly warnings: string[] = [];
  readonly #options: SelectOptions;
  readonly #place: DirectoryPlace;
  readonly #rules: FolderRules | undefined;
  /** Whether each of the tags marks the directory, once that is known. */
  readonly #isTagged: boolean[] = [];

  constructor(options: SelectOptions, place: DirectoryPlace, files: IgnoreFiles | undefined) {
    this.#options = options;
    this.#place = place;
    const rules = files?.rulesIn(place.path, place.depth, (text) => this.warnings.push(text));
    if (rules?.isEmpty === false) this.#rules = rules;
  }

  /** False if `byState` is of no interest but for entries on another device. */
  get dependsOnState(): boolean {
    return this.#options.largestSize !== undefined || this.#rules !== undefined;
  }

  /** Asked before an entry is looked at. Each character of `name` is one byte. */
  byName(name: string): Exclusion | undefined {
    const { patternLists, cacheDirectory, tagFiles } = this.#options;
    const { absolutePath } = this.#place;
    // Saves making a path of every entry only to compare it with the cache's.
    const slashes = (cacheDirectory?.length ?? 0) - absolutePath.length - name.length;
    const mayBeCache = slashes === 0 || slashes === 1;
    if (patternLists.length > 0 || mayBeCache) {
      const path = joinPath(absolutePath, Buffer.from(name, "latin1"));
      for (const list of patternLists) if (list.match(path)) return "pattern";
      if (mayBeCache && equalBytes(path, cacheDirectory ?? path)) return "own-cache";
    }
    return tagFiles.length > 0 && this.#isInTagged(name) ? "tag-file" : undefined;
  }

  /** A mount point in a folder that is saved is kept as an empty folder. */
  byState(name: string, { mode, size, deviceId }: EntryState): Exclusion | undefined {
    const { largestSize, oneFileSystem } = this.#options;
    const { device, sourceDevice } = this.#place;
    const isDirectory = nodeType(mode) === "dir";
    if (oneFileSystem && deviceId !== sourceDevice) {
      if (!isDirectory || device !== sourceDevice) return "other-file-system";
    }
    if (largestSize !== undefined && size > largestSize && !isDirectory) return "size";
    return this.#rules?.decide(name, isDirectory)?.rule.isNegated === false
      ? "ignore-file"
      : undefined;
  }

  /** The same in words, of an entry that is left out or, by a pattern or rule that takes back another, is not. */
  explain(name: string, state: EntryState): Reason | undefined {
    const { patternLists, largestSize = 0 } = this.#options;
    const path = joinPath(this.#place.absolutePath, Buffer.from(name, "latin1"));
    const patterns = patternLists.map((list) => list.decidingPattern(path));
    const decision = this.#rules?.decide(name, nodeType(state.mode) === "dir");
    const exclusion = this.byName(name) ?? this.byState(name, state);
    switch (exclusion) {
      case "pattern":
        return { exclusion, text: describePattern(patterns.find(isExcluding)) };
      case "own-cache":
        return { exclusion, text: "is the cache of this repository" };
      case "tag-file":
        return { exclusion, text: `lies in a folder that ${this.#tagNames(name)} marks` };
      case "other-file-system":
        return { exclusion, text: "lies on another file system than the source" };
      case "size":
        return { exclusion, text: `has ${state.size} bytes, which is more than ${largestSize}` };
      case "ignore-file":
        return { exclusion, text: describeRule(decision) };
      case undefined: {
        const negated = patterns.find((pattern) => pattern?.isNegated === true);
        if (decision !== undefined) return { exclusion, text: describeRule(decision) };
        return negated && { exclusion, text: describePattern(negated) };
      }
    }
  }

  #tagNames(name: string): string {
    const { tagFiles } = this.#options;
    const marking = tagFiles.filter((tag, at) => this.#isTagged[at] === true && tag.name !== name);
    return printablePath(toPathBytes(marking.map((tag) => tag.name).join(" and ")));
  }

  /** True if one of the tags marks the directory, unless it is that tag itself which is asked about. */
  #isInTagged(name: string): boolean {
    return this.#options.tagFiles.some((tag, at) => {
      if (name === byteKey(Buffer.from(tag.name))) return false;
      this.#isTagged[at] ??= isTagged(this.#place.path, tag, (text) => this.warnings.push(text));
      return this.#isTagged[at];
    });
  }
}

function isExcluding(pattern: DecidingPattern | undefined): boolean {
  return pattern?.isNegated === false;
}

function describePattern(deciding: DecidingPattern | undefined): string {
  if (deciding === undefined) return "matches a pattern";
  const { pattern, origin } = deciding;
  const text = printablePath(toPathBytes(pattern));
  return `matches the pattern "${text}"${origin === "" ? "" : ` ${origin}`}`;
}

function describeRule(decision: IgnoreDecision | undefined): string {
  if (decision === undefined) return "matches a rule";
  const { path, rule } = decision;
  const text = printablePath(toPathBytes(rule.text));
  return `matches the rule "${text}" in ${printablePath(path)}, line ${rule.line}`;
}
