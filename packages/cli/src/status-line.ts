/** Clears from the cursor to the end of the screen. */
const CLEAR_BELOW = "\u001b[J";

/**
 * Lines at the bottom of a terminal that are drawn over again and again. Whoever prints something else to the terminal
 * calls `clear` before.
 */
export class StatusLine {
  readonly #stream: NodeJS.WriteStream;
  #height = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Show these lines in place of the last ones. Longer ones are cut so that none wraps. */
  draw(lines: readonly string[]): void {
    const width = Math.max(20, this.#stream.columns || 80) - 1;
    const cut = lines.map((line) => cutLine(line, width));
    this.#stream.write(this.#goBack() + cut.join("\n") + (cut.length > 0 ? "\n" : ""));
    this.#height = cut.length;
  }

  /** Remove the lines. */
  clear(): void {
    if (this.#height === 0) return;
    this.#stream.write(this.#goBack());
    this.#height = 0;
  }

  #goBack(): string {
    return this.#height === 0 ? "" : `\u001b[${this.#height}F${CLEAR_BELOW}`;
  }
}

/** Characters of East Asia and pictures take two columns; without a table of them, all beyond Latin and its kin do. */
function cutLine(line: string, width: number): string {
  let used = 0;
  let kept = "";
  for (const character of line) {
    used += (character.codePointAt(0) ?? 0) < 0x1100 ? 1 : 2;
    if (used > width) return kept;
    kept += character;
  }
  return kept;
}
