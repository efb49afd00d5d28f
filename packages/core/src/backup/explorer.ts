import { isTsbakError } from "../errors.ts";
import { readNames } from "../fs/directory.ts";
import type { EntryStates } from "../fs/entry-states.ts";
import { deviceNumber, LITTLE, STATX, type StatxBuffer, wideNumber } from "../fs/statx.ts";
import type { SharedTreeReader } from "../repository/tree-packs.ts";
import type { DirectoryLister } from "./directory-lister.ts";
import { placeBelow, type DirectoryPlace } from "./directory-place.ts";
import type { Listing } from "./listing.ts";
import { ListingWriter, type MatchedDirectory } from "./listing-writer.ts";
import type { NodeMatcher } from "./node-matcher.ts";
import { ParentTree } from "./parent-tree.ts";
import type { ListedDirectory } from "./protocol.ts";
import type { DirectorySelection, EntryState, Selection } from "./select.ts";

/** What exploring takes. */
export interface ExplorerParts {
  readonly lister: DirectoryLister;
  readonly matcher: NodeMatcher;
  /** Undefined where it cannot be had, or every entry is to be told of: then nothing is gone down into. */
  readonly states: EntryStates | undefined;
  readonly trees: SharedTreeReader;
  readonly selection: Selection;
}

/** A directory in which nothing changed, before anyone has looked into those below. */
interface SameDirectory {
  readonly files: number;
  readonly bytes: number;
  readonly inner: readonly MatchedDirectory[];
}

/**
 * Goes down from a directory as long as nothing changes: a whole tree of unchanged directories becomes one short listing. Where
 * something did change, the usual comparison takes over for that directory.
 */
export class Explorer {
  readonly #parts: ExplorerParts;
  #left = 0;

  constructor(parts: ExplorerParts) {
    this.#parts = parts;
  }

  /** Look at directories, and at about `budget` entries in them and below. What is not reached is left to be followed up. */
  list(directories: readonly ListedDirectory[], budget: number): Listing[] {
    this.#left = budget;
    return directories.map(({ place, before, mayOmit }) => {
      if (before === undefined) return this.#parts.lister.listDirectory(place, undefined, mayOmit);
      this.#parts.trees.add(before.pack);
      return this.#explore(place, before.id, mayOmit);
    });
  }

  #explore(place: DirectoryPlace, subtree: string, mayOmit: boolean): Listing {
    const tree = this.#readTree(subtree);
    const same = tree === undefined || !mayOmit ? undefined : this.#match(place, tree);
    if (same !== undefined) return this.#goDown(place, same);
    const parent = tree === undefined ? undefined : new ParentTree(subtree, tree.slice());
    return this.#parts.lister.listDirectory(place, parent, mayOmit);
  }

  /** Damage in the parent snapshot only means that everything is read again. */
  #readTree(id: string): Uint8Array | undefined {
    try {
      return this.#parts.trees.read(id);
    } catch (error) {
      if (isTsbakError(error, "corrupt")) return undefined;
      throw error;
    }
  }

  /** Undefined if anything differs, cannot be read, or is out of the common. */
  #match(place: DirectoryPlace, tree: Uint8Array): SameDirectory | undefined {
    const { matcher, states } = this.#parts;
    if (states === undefined || !matcher.open(tree)) return undefined;
    const names = namesOf(place.path);
    if (names === undefined || !states.enter(place.path, names.length)) return undefined;
    this.#left -= names.length;
    try {
      const selection = this.#parts.selection.enter(place);
      const same = this.#matchEntries(selection, place, tree, names, states);
      // The usual comparison tells people of them.
      return selection.warnings.length > 0 ? undefined : same;
    } finally {
      states.leave();
    }
  }

  #matchEntries(
    selected: DirectorySelection,
    place: DirectoryPlace,
    tree: Uint8Array,
    names: readonly string[],
    states: EntryStates,
  ): SameDirectory | undefined {
    const { matcher, selection } = this.#parts;
    const { dependsOnState } = selected;
    const inner: MatchedDirectory[] = [];
    let [files, bytes] = [0, 0];
    for (const name of names) {
      if (selected.byName(name) !== undefined) continue;
      if (!states.look(name)) return undefined;
      const device = deviceOf(states.state);
      if (dependsOnState && selected.byState(name, stateOf(states.state)) !== undefined) continue;
      if (!matcher.match(name, states.state)) return undefined;
      // Mount points that are left out or kept empty are left to the usual comparison.
      if (selection.oneFileSystem && device !== place.sourceDevice) return undefined;
      if (matcher.subtreeAt > 0) inner.push(this.#innerDirectory(name, device, tree));
      else if (matcher.isFile) {
        files++;
        bytes += wideNumber(states.state, STATX.bytes);
      }
    }
    return matcher.isExhausted ? { files, bytes, inner } : undefined;
  }

  #innerDirectory(name: string, device: bigint, tree: Uint8Array): MatchedDirectory {
    const { start, contentAt, end, subtreeAt } = this.#parts.matcher;
    const text = Buffer.from(tree.buffer, tree.byteOffset, tree.length);
    return {
      name: Buffer.from(name, "latin1"),
      device,
      node: text.toString("utf8", start, end),
      head: text.toString("utf8", start, contentAt),
      subtree: text.toString("latin1", subtreeAt, subtreeAt + 64),
    };
  }

  #goDown(place: DirectoryPlace, same: SameDirectory): Listing {
    const writer = new ListingWriter(false);
    writer.addSame(same.files, same.bytes);
    for (const inner of same.inner) {
      const listing = this.#left > 0 ? this.#exploreInner(place, inner) : undefined;
      writer.addMatchedDirectory(inner, listing);
    }
    return writer.finish(true, true);
  }

  /** Undefined if the tree is not at hand: then the main thread has to bring it. */
  #exploreInner(above: DirectoryPlace, inner: MatchedDirectory): Listing | undefined {
    const { device, name, subtree } = inner;
    if (!this.#parts.trees.has(subtree)) return undefined;
    const place = placeBelow(above, name, device);
    return this.#explore(place, subtree, true);
  }
}

function deviceOf(state: StatxBuffer): bigint {
  const major = state.getUint32(STATX.devMajor, LITTLE);
  return deviceNumber(major, state.getUint32(STATX.devMinor, LITTLE));
}

function stateOf(state: StatxBuffer): EntryState {
  const mode = state.getUint16(STATX.mode, LITTLE);
  return { mode, size: wideNumber(state, STATX.bytes), deviceId: deviceOf(state) };
}

function namesOf(path: Uint8Array): string[] | undefined {
  try {
    return readNames(path);
  } catch {
    return undefined;
  }
}
