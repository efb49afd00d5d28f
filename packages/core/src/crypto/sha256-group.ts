import {
  FIRST_STATE,
  loadHashPairs,
  MOST_PADDING,
  padMessage,
  writeDigest,
} from "./sha256-pairs.ts";
import type { BlockRun, HashRuns } from "./sha256-pairs.ts";
import { SHA256_SIZE, sha256, sha256Into } from "./sha256.ts";

/** Bytes after each message of a group that hashing it may overwrite. */
export const ROOM_AFTER_MESSAGE: number = MOST_PADDING;

/** In bytes. Below this two messages take longer together than one after the other, as much has to be called for each. */
export const LEAST_PAIRED = 16_384;

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
  /** The digests of messages that lie anywhere and are not written to. It pays from `LEAST_PAIRED` bytes a message on. */
  hashApart(messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[];
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
  hashApart: (messages) => messages.map(sha256),
};

/** Two blocks: a message's last bytes, fewer than a block, and their padding. */
const END_SIZE = 128;

function pairHasher(hashRuns: HashRuns): GroupHasher {
  return {
    name: "pairs",
    hash({ memory, messages }, digests) {
      const runs = messages.map(({ start, length }) => {
        const bytes = memory.subarray(start, start + length + MOST_PADDING);
        return { state: FIRST_STATE.slice(), bytes, blocks: padMessage(bytes, length, length) };
      });
      hashRuns(longestFirst(runs));
      runs.forEach(({ state }, at) => writeDigest(state, digests, at * SHA256_SIZE));
    },
    hashApart: (messages) => hashApart(hashRuns, messages),
  };
}

function hashApart(hashRuns: HashRuns, messages: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
  const runs = messages.map((bytes) => {
    return { state: FIRST_STATE.slice(), bytes, blocks: Math.floor(bytes.length / 64) };
  });
  hashRuns(longestFirst(runs));
  // What is behind the last whole block is padded in another place: here other bytes may follow.
  const ends = new Uint8Array(messages.length * END_SIZE);
  const endRuns = runs.map(({ state, bytes, blocks }, at) => {
    const end = ends.subarray(at * END_SIZE, (at + 1) * END_SIZE);
    const rest = bytes.subarray(blocks * 64);
    end.set(rest);
    return { state, bytes: end, blocks: padMessage(end, rest.length, bytes.length) };
  });
  hashRuns(endRuns);
  return runs.map(({ state }) => {
    const digest = new Uint8Array(SHA256_SIZE);
    writeDigest(state, digest, 0);
    return digest;
  });
}

/** So that at the end no message is left alone for long. */
function longestFirst(runs: readonly BlockRun[]): readonly BlockRun[] {
  return runs.toSorted((a, b) => b.blocks - a.blocks);
}
