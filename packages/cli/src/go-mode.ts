/** Go's letters for the bits of a `FileMode` from 31 down. */
const LETTERS = "dalTLDpSugct?";
const RIGHTS = "rwxrwxrwx";

/** A stored mode as Go prints it: `drwxr-xr-x`, `Lrwxrwxrwx`, `urwxr-xr-x` for setuid, `dtrwxrwxrwx` for sticky. */
export function formatGoMode(mode: number): string {
  const kinds = [...LETTERS].filter((_, index) => ((mode >>> (31 - index)) & 1) === 1).join("");
  const rights = [...RIGHTS].map((right, index) =>
    ((mode >>> (8 - index)) & 1) === 1 ? right : "-",
  );
  return (kinds || "-") + rights.join("");
}
