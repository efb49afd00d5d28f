import {
  FIRST_STATE,
  loadHashPairs,
  MOST_PADDING,
  padMessage,
  writeDigest,
} from "./sha256-pairs.ts";
import type { BlockRun, HashRuns } from "./sha256-pairs.ts";
import { SHA256_SIZE, Sha256Stream, sha256Into } from "./sha256.ts";

/** Bytes after each message of a group that hashing it may overwrite. */
export const ROOM_AFTER_MESSAGE: number = MOST_PADDING;

/** Messages that lie in one piece of memory. After each there are `ROOM_AFTER_MESSAGE` bytes that belong to no other. */
export interface MessageGroup {
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly messages: readonly { readonly start: number; readonly length: number }[];
}

/** Hashes many messages, faster than one by one where the machine can. For one thread. */
export interface GroupHasher {
  readonly name: string;
  /** Write the digests of a group to `digests`, one after another. */
  hash(group: MessageGroup, digests: Uint8Array): void;
  /** Begin a long message that is hashed beside groups. */
  startStream(): StreamHash;
}

/** See `GroupHasher.startStream`. */
export interface StreamHash {
  /**
   * Add bytes to this message, and hash a group as `GroupHasher.hash` does. Returns how many bytes were added: the rest,
   * fewer than 64, must be given again.
   */
  addBeside(group: MessageGroup, digests: Uint8Array, bytes: Uint8Array): number;
  /** The digest as 64 lower-case hex digits, after `rest`, which ends the message. */
  endHex(rest: Uint8Array): string;
}

/** The fastest that this machine has. */
export function loadGroupHasher(): GroupHasher {
  const hashRuns = loadHashPairs();
  return hashRuns === undefined ? singleHasher : pairHasher(hashRuns);
}

/** One message after another, by node:crypto. */
export const singleHasher: GroupHasher = {
  name: "node:crypto",
  hash({ memory, messages }, digests) {
    messages.forEach(({ start, length }, at) =>
      sha256Into(memory.subarray(start, start + length), digests, at * SHA256_SIZE),
    );
  },
  startStream() {
    const stream = new Sha256Stream();
    return {
      addBeside(group, digests, bytes) {
        stream.update(bytes);
        singleHasher.hash(group, digests);
        return bytes.length;
      },
      endHex(rest) {
        stream.update(rest);
        return stream.digestHex();
      },
    };
  },
};

function pairHasher(hashRuns: HashRuns): GroupHasher {
  const hashBeside = (
    { memory, messages }: MessageGroup,
    digests: Uint8Array,
    others: readonly BlockRun[],
  ): void => {
    const runs = messages.map(({ start, length }) => {
      const bytes = memory.subarray(start, start + length + MOST_PADDING);
      return { state: FIRST_STATE.slice(), bytes, blocks: padMessage(bytes, length, length) };
    });
    // The longest first, so that at the end no message is left alone for long.
    hashRuns([...others, ...runs].sort((a, b) => b.blocks - a.blocks));
    runs.forEach(({ state }, at) => writeDigest(state, digests, at * SHA256_SIZE));
  };
  return {
    name: "pairs",
    hash: (group, digests) => hashBeside(group, digests, []),
    startStream: () => startPairStream(hashRuns, hashBeside),
  };
}

function startPairStream(
  hashRuns: HashRuns,
  hashBeside: (group: MessageGroup, digests: Uint8Array, others: readonly BlockRun[]) => void,
): StreamHash {
  const state = FIRST_STATE.slice();
  let length = 0;
  return {
    addBeside(group, digests, bytes) {
      const blocks = Math.floor(bytes.length / 64);
      length += blocks * 64;
      hashBeside(group, digests, [{ state, bytes, blocks }]);
      return blocks * 64;
    },
    endHex(rest) {
      const bytes = new Uint8Array(rest.length + MOST_PADDING);
      bytes.set(rest);
      const blocks = padMessage(bytes, rest.length, length + rest.length);
      hashRuns([{ state, bytes, blocks }]);
      const digest = Buffer.alloc(SHA256_SIZE);
      writeDigest(state, digest, 0);
      return digest.toString("hex");
    },
  };
}
