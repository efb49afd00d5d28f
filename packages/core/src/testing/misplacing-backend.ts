import type { MisplacedPack, MisplacedPacks } from "../backend/backend.ts";
import { MemoryBackend } from "../backend/memory.ts";
import { TsbakError } from "../errors.ts";

/** A backend in memory in which packs can be moved to wrong folders. For tests. */
export class MisplacingBackend extends MemoryBackend {
  /** By path. */
  readonly #elsewhere = new Map<string, Uint8Array<ArrayBuffer>>();

  readonly misplacedPacks: MisplacedPacks = {
    list: async () =>
      [...this.#elsewhere].map(([path, { length: size }]) => ({
        name: path.slice(path.lastIndexOf("/") + 1),
        size,
        path,
      })),
    read: async ({ path }: MisplacedPack) => {
      const bytes = this.#elsewhere.get(path);
      if (bytes === undefined) throw new TsbakError("not-found", `Cannot read ${path}`);
      return bytes.slice();
    },
    remove: async ({ path }: MisplacedPack) => void this.#elsewhere.delete(path),
  };

  /** Move a pack to another folder. */
  async misplace(name: string, folder: string): Promise<void> {
    this.#elsewhere.set(`${folder}/${name}`, await this.read({ kind: "pack", name }));
    await this.remove({ kind: "pack", name });
  }
}
