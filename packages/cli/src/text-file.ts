/** The text in a file that people made: UTF-8, or UTF-16 with a byte order mark; the mark itself is dropped. */
export function decodeTextFile(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const isLittle = first === 0xff && second === 0xfe;
  const isBig = first === 0xfe && second === 0xff;
  return new TextDecoder(isLittle ? "utf-16le" : isBig ? "utf-16be" : "utf-8").decode(bytes);
}
