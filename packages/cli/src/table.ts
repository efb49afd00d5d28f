/** One column. `align` is where the text stands; numbers stand right. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/**
 * Lines of a table: titles, a rule, the rows, a rule. A cell may have several lines, one text each. Ends of lines have
 * no blanks. In a spaced table an empty line stands between rows.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly (readonly string[])[])[],
  isSpaced = false,
): string[] {
  const widths = columns.map(({ title }, index) => {
    const cells = rows.flatMap((row) => row[index] ?? []);
    return Math.max(title.length, ...cells.map((text) => text.length));
  });
  const formatLine = (texts: readonly string[]): string =>
    texts
      .map((text, index) => pad(text, widths[index] ?? 0, columns[index]?.align ?? "left"))
      .join("  ")
      .trimEnd();
  const body = rows.flatMap((row, number) => {
    const lines = splitRow(row).map(formatLine);
    return isSpaced && number > 0 ? ["", ...lines] : lines;
  });
  const head = formatLine(columns.map(({ title }) => title));
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  return [head, rule, ...body, rule];
}

function pad(text: string, width: number, align: "left" | "right"): string {
  return align === "right" ? text.padStart(width) : text.padEnd(width);
}

/** The lines of a row, each a list of cells. */
function splitRow(row: readonly (readonly string[])[]): string[][] {
  const height = Math.max(1, ...row.map((cell) => cell.length));
  return Array.from({ length: height }, (_, line) => row.map((cell) => cell[line] ?? ""));
}
