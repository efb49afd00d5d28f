/** Byte strings that hold no NUL, such as names and paths, as one array: each ended by NUL. */
export function joinNulList(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length + 1, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length + 1;
  }
  return joined;
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
