import { Breath } from "../async/breath.ts";
import { interruptedError } from "../async/interrupted.ts";
import type { BlobIndex } from "../repository/blob-index.ts";
import type { TreeReader } from "../repository/tree-reader.ts";
import type { Node } from "../format/node.ts";
import { byteKey } from "../bytes/byte-key.ts";
import { compareBytes } from "../bytes/compare.ts";
import { isTsbakError } from "../errors.ts";
import type { OwnerIds } from "../fs/owner-ids.ts";
import { joinPath } from "../fs/path.ts";
import { describeFailure } from "./describe-failure.ts";
import type { RestoreProgress } from "./progress.ts";
import { RepeatGuard } from "./repeat-guard.ts";
import { RestorePlan, type HardLink } from "./restore-plan.ts";
import type { Choice, RestoreSelection } from "./select.ts";
import { isPartName, partName } from "./temporary-names.ts";
import type { Names, TargetState } from "./target-state.ts";

/** What planning needs. */
export interface PlanContext {
  readonly index: BlobIndex;
  readonly trees: TreeReader;
  readonly selection: RestoreSelection;
  readonly progress: RestoreProgress;
  readonly signal: AbortSignal | undefined;
  /** Ids of owners by their names; without them the recorded ids are taken. */
  readonly owners: OwnerIds | undefined;
  readonly target: TargetState;
  /** Note what is to be deleted. */
  readonly notesStrangers: boolean;
}

/** A directory on the way down. It is made when something in it is selected. */
interface OpenDirectory {
  readonly parent: OpenDirectory | undefined;
  readonly node: Node | undefined;
  /** As patterns see it. */
  readonly path: Uint8Array;
  readonly tree: string;
  /** In the plan's table; `UNMADE` or `FAILED` before. */
  number: number;
  /** What stands in it, if it was there before. */
  names: Names | undefined;
  /** Some of its entries have names as files get that are not whole. */
  hasPartNames: boolean;
  /** Names that stand in it of files which are to be continued. */
  readonly partNames: string[];
}

const SLASH = Uint8Array.of(0x2f);
/** In milliseconds: so long what comes from the store waits while trees that are at hand are planned. */
const TURN_MS = 5;
const UNMADE = -1;
const FAILED = -2;
/** PATH_MAX of Linux: a backup cannot have read a longer path, but a forged tree can hold itself. */
const LONGEST_PATH = 4096;
const DOT = 0x2e;

/**
 * Read all trees below `root`, make the directories and plan the rest. What cannot be restored is told to `progress`.
 *
 * @throws {TsbakError} `corrupt` if there are more entries than can ever be restored; `interrupted`.
 */
export async function planRestore(root: string, context: PlanContext): Promise<RestorePlan> {
  const planner = new Planner(context, new RepeatGuard(root, context));
  const { names } = context.target;
  const above = { parent: undefined, node: undefined, path: SLASH };
  const top = { ...above, tree: root, number: 0, names, hasPartNames: false, partNames: [] };
  await planner.enter(top);
  return planner.plan;
}

class Planner {
  readonly plan = new RestorePlan();
  hasSelected = false;
  readonly #context: PlanContext;
  /** First name of everything that has several, by its identity. */
  readonly #firstNames = new Map<string, number>();
  readonly #id = Buffer.alloc(32);

  readonly #breath = new Breath(TURN_MS);
  readonly #repeats: RepeatGuard;

  constructor(context: PlanContext, repeats: RepeatGuard) {
    this.#context = context;
    this.#repeats = repeats;
  }

  async enter(directory: OpenDirectory): Promise<void> {
    const { signal } = this.#context;
    await this.#breath.take();
    if (signal?.aborted === true) throw interruptedError(signal);
    await this.#repeats.enter(directory.tree);
    let nodes: Node[];
    try {
      nodes = await this.#context.trees.nodes(directory.tree);
    } catch (error) {
      if (!isTsbakError(error, "corrupt") && !isTsbakError(error, "not-found")) throw error;
      this.#fail(directory.path, `cannot read its list of entries: ${error.message}`);
      return;
    }
    const isOrdered = nodes.every(
      (node, at) => at === 0 || compareBytes((nodes[at - 1] as Node).name, node.name) < 0,
    );
    directory.hasPartNames = nodes.some(({ name }) => isPartName(name));
    const seen = isOrdered ? undefined : new Set<string>();
    for (const node of nodes) await this.#visit(node, directory, seen);
    if (this.#context.notesStrangers) this.#noteStrangers(directory, nodes);
  }

  #noteStrangers(directory: OpenDirectory, nodes: readonly Node[]): void {
    // In a directory where nothing was selected, nothing is deleted.
    if (directory.number < 0 || !this.hasSelected) return;
    const known = new Set([...nodes.map(({ name }) => byteKey(name)), ...directory.partNames]);
    for (const text of directory.names ?? []) {
      if (known.has(text)) continue;
      const name = Buffer.from(text, "latin1");
      const { isSelected } = this.#context.selection.choose(joinPath(directory.path, name));
      if (isSelected) this.plan.strangers.addName(directory.number, name);
    }
  }

  /** No promise where none is needed: most entries are files. */
  #visit(
    node: Node,
    directory: OpenDirectory,
    seen: Set<string> | undefined,
  ): Promise<void> | undefined {
    const path = joinPath(directory.path, node.name);
    const refusal = refuseName(node.name, path, seen);
    if (refusal !== undefined) {
      this.plan.isTrusted = false;
      this.#fail(path, refusal);
      return undefined;
    }
    const choice = this.#context.selection.choose(path);
    this.#adopt(node);
    this.hasSelected ||= choice.isSelected;
    if (node.type === "dir") return this.#visitDirectory(node, directory, path, choice);
    if (!choice.isSelected) return undefined;
    if (node.type === "socket") {
      this.#context.progress.counts.skipped++;
      return undefined;
    }
    const number = this.#make(directory);
    if (number === FAILED) return undefined;
    try {
      this.#context.target.clearWay(directory.path.subarray(1), node.name, directory.names);
    } catch (error) {
      this.#fail(path, describeFailure(error));
      return undefined;
    }
    if (node.type === "file") this.#planFile(node, directory, path);
    else this.#planSpecial(node, number, path);
    return undefined;
  }

  #adopt(node: Node): void {
    const { owners } = this.#context;
    if (owners === undefined) return;
    node.uid = owners.user(node.user, node.uid);
    node.gid = owners.group(node.group, node.gid);
  }

  #visitDirectory(
    node: Node,
    parent: OpenDirectory,
    path: Uint8Array,
    choice: Choice,
  ): Promise<void> | undefined {
    if (!choice.isSelected && !choice.isEntered) return undefined;
    if (node.subtree === undefined) {
      this.#fail(path, "the snapshot has no list of its entries");
      return undefined;
    }
    const tree = node.subtree;
    const own = { number: UNMADE, names: undefined, hasPartNames: false, partNames: [] };
    const directory = { parent, node, path, tree, ...own };
    if (isBelowItself(directory)) {
      this.#fail(path, "the directory contains itself");
      return undefined;
    }
    if (choice.isSelected && this.#make(directory) === FAILED) return undefined;
    return this.enter(directory);
  }

  /** The number of a directory, made together with its parents if it is not there yet. */
  #make(directory: OpenDirectory): number {
    const { parent, node } = directory;
    if (directory.number !== UNMADE || parent === undefined || node === undefined) {
      return directory.number;
    }
    const inside = this.#make(parent);
    if (inside === FAILED) return (directory.number = FAILED);
    try {
      directory.names = this.#context.target.enter(directory.path.subarray(1), parent.names);
    } catch (error) {
      this.#fail(directory.path, describeFailure(error));
      return (directory.number = FAILED);
    }
    return (directory.number = this.plan.directories.add(inside, node, 0));
  }

  #planFile(node: Node, directory: OpenDirectory, path: Uint8Array): void {
    const { number, names } = directory;
    const { plan } = this;
    if (node.content === null) {
      this.#fail(path, "the snapshot has no list of its contents");
      return;
    }
    if (this.#planLink(node, "file", number)) return;
    const size = this.#sizeOf(node.content, path);
    if (size < 0) return;
    const file = plan.files.add(number, node, size);
    this.#firstNames.set(identityOf(node), file);
    plan.bytes += size;
    if (size !== node.size) {
      this.#fail(path, `its contents have ${size} bytes where ${node.size} were noted`);
    }
    this.#planContents(node.content, file);
    if (names?.has(byteKey(node.name))) plan.standingFiles.push(file);
    else if (plan.partedFiles.has(file)) this.#gatherParts(file, node.name, directory);
  }

  /** A file of several blobs gets its name when it is whole; what an interrupted restore left of it is looked at. */
  #gatherParts(file: number, name: Uint8Array, directory: OpenDirectory): void {
    if (directory.hasPartNames) return;
    const temporary = partName(name);
    this.plan.files.temporaryNames.set(file, temporary);
    const key = byteKey(temporary);
    if (directory.names?.has(key) !== true) return;
    directory.partNames.push(key);
    this.plan.standingFiles.push(file);
  }

  /** True if another name of the same thing was planned before. */
  #planLink(node: Node, kind: HardLink["kind"], directory: number): boolean {
    const identity = identityOf(node);
    const first = identity === "" ? undefined : this.#firstNames.get(identity);
    if (first === undefined) return false;
    const entry = this.plan.links.add(directory, node, 0);
    this.plan.hardLinks.push({ entry, kind, first });
    return true;
  }

  #planContents(content: readonly string[], file: number): void {
    const { plan } = this;
    const { index } = this.#context;
    let offset = 0;
    plan.files.setUses(file, plan.uses.length, content.length);
    for (const id of content) {
      this.#id.write(id, "hex");
      const entry = index.find("data", this.#id);
      const place = index.locationAt(entry);
      plan.uses.add(place.pack, entry, file, offset);
      offset += index.plainLengthAt(entry);
    }
    if (content.length === 0) plan.emptyFiles.push(file);
    if (content.length > 1) {
      plan.partedFiles.set(file, { remaining: content.length, state: "planned" });
    }
  }

  /** Sum of the lengths of the blobs, or -1 after an error was told. */
  #sizeOf(content: readonly string[], path: Uint8Array): number {
    let size = 0;
    for (const id of content) {
      this.#id.write(id, "hex");
      const length = this.#context.index.plainLength("data", this.#id);
      if (length === undefined) {
        this.#fail(path, `the repository does not have blob ${id.slice(0, 8)} of its contents`);
        return -1;
      }
      size += length;
    }
    return size;
  }

  #planSpecial(node: Node, directory: number, path: Uint8Array): void {
    const { type, linkTarget, device } = node;
    if (type === "symlink" && linkTarget === undefined) {
      this.#fail(path, "the snapshot has no target for this symlink");
    } else if (linkTarget?.includes(0) === true) {
      this.#fail(path, "its target is no path");
    } else if (type !== "symlink" && type !== "dev" && type !== "chardev" && type !== "fifo") {
      this.#fail(path, `its type "${type}" is not known`);
    } else {
      if (this.#planLink(node, "special", directory)) return;
      const entry = this.plan.specials.add(directory, node, 0);
      this.plan.specialNodes.push({ entry, type, linkTarget, device });
      this.#firstNames.set(identityOf(node), entry);
    }
  }

  #fail(path: Uint8Array, message: string): void {
    this.#context.progress.error(path, message);
  }
}

/**
 * What all names of one thing have in common, and nothing else; empty for what has one name only. Of fifos no link count is recorded
 * (format section 8), so each may have others.
 */
function identityOf({ type, links, inode, deviceId }: Node): string {
  if (inode === 0n || (links <= 1 && type !== "fifo")) return "";
  return `${type},${inode},${deviceId}`;
}

/** Why an entry must not be created, or undefined. A name could lead out of the target (format traps, 32). */
function refuseName(
  name: Uint8Array,
  path: Uint8Array,
  seen: Set<string> | undefined,
): string | undefined {
  const dots = name.length <= 2 && name.every((byte) => byte === DOT);
  if (dots || name.includes(0x2f) || name.includes(0)) return "its name is not a file name";
  if (path.length > LONGEST_PATH) return "its path is too long";
  if (seen === undefined) return undefined;
  const key = Buffer.from(name).toString("latin1");
  if (seen.has(key)) return "its directory has another entry of this name";
  seen.add(key);
  return undefined;
}

function isBelowItself(directory: OpenDirectory): boolean {
  for (let above = directory.parent; above !== undefined; above = above.parent) {
    if (above.tree === directory.tree) return true;
  }
  return false;
}
