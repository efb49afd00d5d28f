/** Byte strings that hold no NUL, such as names and paths, as one array: each ended by NUL. */
export function joinNulList(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const list = new NulListWriter();
  for (const part of parts) list.push(part);
  return list.list();
}

/** The parts again, as views. */
export function splitNulList(list: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let start = 0; start < list.length;) {
    const end = list.indexOf(0, start);
    parts.push(list.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

/** Makes such a list part by part, without keeping the parts. */
export class NulListWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  push(part: Uint8Array): void {
    const end = this.#length + part.length + 1;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(part, this.#length);
    this.#bytes[end - 1] = 0;
    this.#length = end;
  }

  /** A copy of what there is so far. */
  list(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}
