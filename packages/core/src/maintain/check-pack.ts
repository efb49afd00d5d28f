import { sha256Hex, sha256Into } from "../crypto/sha256.ts";
import { isTsbakError, TsbakError } from "../errors.ts";
import {
  decodePackHeader,
  decodePackTrailer,
  packHeaderSize,
  PACK_TRAILER_SIZE,
} from "../format/pack-header.ts";
import { decodeTree } from "../format/tree.ts";
import type { SharedIndexView } from "../repository/blob-index.ts";
import type { BlobOpener } from "../repository/read-blob.ts";
import { checkTree } from "./check-tree.ts";
import type { TreeFault, VerifyResult, VerifyTask } from "./verify-protocol.ts";

/** What one thread checks packs with. */
export interface PackTools extends BlobOpener {
  readonly index: SharedIndexView;
  /** Memory for a decompressed blob: fresh memory for each costs more than hashing it. */
  readonly plain: Scratch;
}

/** Bytes before the ciphertext of a sealed blob. */
const IV_SIZE = 16;
/** No blob is as large; an index may say anything. */
const MAX_SCRATCH = 2 ** 30;
const SCRATCH_STEP = 2 ** 20;

/** Memory that is used over and over. */
export class Scratch {
  #bytes = new Uint8Array(0);

  /** At least `size` bytes, with anything in them, valid until the next call. */
  atLeast(size: number): Uint8Array<ArrayBuffer> {
    if (size > MAX_SCRATCH) {
      throw new TsbakError("corrupt", `Cannot read blob: ${size} bytes are too many`);
    }
    if (this.#bytes.length < size) {
      this.#bytes = new Uint8Array(Math.ceil(size / SCRATCH_STEP) * SCRATCH_STEP);
    }
    return this.#bytes;
  }
}

/** Check a whole pack or a run of its blobs, which are decrypted in their place. Damage is a result, never thrown. */
export function checkPack(task: VerifyTask, tools: PackTools): VerifyResult {
  return new PackCheck(task, tools).run();
}

class PackCheck {
  readonly #task: VerifyTask;
  readonly #tools: PackTools;
  readonly #packFaults: string[] = [];
  readonly #damaged: { entry: number; reason: string }[] = [];
  readonly #trees: number[] = [];
  readonly #treeFaults: { tree: number; fault: TreeFault }[] = [];
  readonly #digest = new Uint8Array(32);

  constructor(task: VerifyTask, tools: PackTools) {
    this.#task = task;
    this.#tools = tools;
  }

  run(): VerifyResult {
    const { name, bytes, entries } = this.#task;
    if (name !== undefined) {
      if (sha256Hex(bytes) !== name)
        this.#packFaults.push("its bytes do not have the hash that names it");
      this.#try(
        () => this.#checkLayout(),
        (reason) => this.#packFaults.push(reason),
      );
    }
    for (const entry of entries) {
      this.#try(
        () => this.#checkBlob(entry),
        (reason) => this.#damaged.push({ entry, reason }),
      );
    }
    return {
      packFaults: this.#packFaults,
      damaged: this.#damaged,
      trees: Uint32Array.from(this.#trees),
      treeFaults: this.#treeFaults,
    };
  }

  #try(check: () => void, onDamage: (reason: string) => void): void {
    try {
      check();
    } catch (error) {
      if (!isTsbakError(error)) throw error;
      onDamage(error.message);
    }
  }

  /** Blobs lie side by side from 0, and the header lists them exactly as the index does. */
  #checkLayout(): void {
    const { bytes, entries } = this.#task;
    const { index, opener } = this.#tools;
    let offset = 0;
    let compressed = 0;
    for (const entry of entries) {
      if (index.offsetAt(entry) !== offset) {
        this.#packFaults.push(`the index lists a gap or an overlap at offset ${offset}`);
        break;
      }
      offset += index.lengthAt(entry);
      if (index.uncompressedLengthAt(entry) !== 0) compressed++;
    }
    const size = decodePackTrailer(bytes.subarray(-PACK_TRAILER_SIZE), bytes.length);
    const expected = packHeaderSize({ compressed, uncompressed: entries.length - compressed });
    if (size + PACK_TRAILER_SIZE !== expected) {
      this.#packFaults.push(
        `its header has ${size + PACK_TRAILER_SIZE} bytes, by the index ${expected}`,
      );
    }
    const end = bytes.length - PACK_TRAILER_SIZE;
    this.#compareHeader(opener.open(bytes.subarray(end - size, end)));
  }

  #compareHeader(plain: Uint8Array): void {
    const { entries } = this.#task;
    const { index } = this.#tools;
    const header = decodePackHeader(plain);
    const isSame =
      header.length === entries.length &&
      header.every((blob, at) => {
        const entry = entries[at] as number;
        return (
          index.offsetAt(entry) === blob.offset &&
          index.lengthAt(entry) === blob.length &&
          index.uncompressedLengthAt(entry) === blob.uncompressedLength &&
          index.isTreeAt(entry) === (blob.type === "tree") &&
          index.hasIdAt(entry, blob.id)
        );
      });
    if (!isSame) this.#packFaults.push("its header lists other blobs than the index");
  }

  #checkBlob(entry: number): void {
    const { index, opener, zstd } = this.#tools;
    const { bytes, start } = this.#task;
    const offset = index.offsetAt(entry) - start;
    // A blob that ends beyond the pack is cut off here, and then does not open.
    const sealed = bytes.subarray(offset, offset + index.lengthAt(entry));
    const stored = opener.openInto(sealed, sealed.subarray(IV_SIZE));
    const length = index.uncompressedLengthAt(entry);
    const plain = length === 0 ? stored : this.#tools.plain.atLeast(length).subarray(0, length);
    if (length !== 0) zstd.decompressInto(stored, plain);
    sha256Into(plain, this.#digest, 0);
    if (!index.hasIdAt(entry, this.#digest)) {
      this.#damaged.push({ entry, reason: "its contents have another hash" });
      return;
    }
    if (index.isTreeAt(entry)) this.#checkTree(plain);
  }

  /** Trees are told by the first of their copies in the index, so that all copies count as one. */
  #checkTree(plain: Uint8Array): void {
    const { index } = this.#tools;
    const tree = index.find("tree", this.#digest);
    const fault = (fault: TreeFault): unknown => this.#treeFaults.push({ tree, fault });
    this.#try(
      () => {
        const nodes = decodeTree(plain);
        const head = this.#trees.push(tree, 0) - 1;
        checkTree(nodes, index, (subtree) => this.#trees.push(subtree), fault);
        this.#trees[head] = this.#trees.length - head - 1;
      },
      (message) => fault({ kind: "tree-damaged", message }),
    );
  }
}
