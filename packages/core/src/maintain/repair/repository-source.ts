import { mapConcurrent } from "../../async/map-concurrent.ts";
import type { CallOptions } from "../../backend/backend.ts";
import { fromHex } from "../../bytes/hex.ts";
import { isTsbakError } from "../../errors.ts";
import type { Repository } from "../../repository/repository.ts";
import type { BlobSource, FoundBlob, LostBlob } from "./blob-source.ts";

/** Another repository: a blob has the same id there whatever the keys are. */
export class RepositorySource implements BlobSource {
  readonly title: string;
  readonly #other: Repository;

  constructor(other: Repository) {
    this.title = `repository ${other.backend.location}`;
    this.#other = other;
  }

  async *find(lost: readonly LostBlob[], call: CallOptions): AsyncIterable<FoundBlob> {
    const index = await this.#other.loadIndex(call);
    const known = lost.filter(({ type, id }) => index.has(type, fromHex(id)));
    const load = async ({ type, id }: LostBlob): Promise<FoundBlob | undefined> => {
      try {
        return { type, id, plain: await this.#other.loadBlob(type, id, call) };
      } catch (error) {
        if (isTsbakError(error, "corrupt") || isTsbakError(error, "not-found")) return undefined;
        throw error;
      }
    };
    const concurrency = this.#other.backend.connections;
    for await (const found of mapConcurrent(known, load, { ...call, concurrency })) {
      if (found !== undefined) yield found;
    }
  }
}
