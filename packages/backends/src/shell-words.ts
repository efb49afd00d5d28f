import { TsbakError } from "@tsbak/core";

const WORD = /\s*((?:[^\s"'\\]|\\[^]|"(?:[^"\\]|\\[^])*"|'[^']*')+)/y;
const PIECE = /\\([^])|"((?:[^"\\]|\\[^])*)"|'([^']*)'|([^\\"']+)/g;

/**
 * The words of a command line: blanks separate, quotes and backslashes hold together. Nothing is expanded, and no shell is
 * involved. `origin` is what the user gave it with, for messages: `-o sftp.command`.
 *
 * @throws {TsbakError} `invalid-argument` if a quote is not closed or nothing is there. The line is not shown: it may
 * hold a secret.
 */
export function splitShellWords(line: string, origin: string): string[] {
  const words: string[] = [];
  const text = line.trim();
  let at = 0;
  while (at < text.length) {
    WORD.lastIndex = at;
    const word = WORD.exec(text)?.[1];
    if (word === undefined) throw badLine(origin, "a quote is not closed");
    words.push(word.replace(PIECE, unquote));
    at = WORD.lastIndex;
  }
  if (words.length === 0) throw badLine(origin, "it is empty");
  return words;
}

function unquote(
  _: string,
  escaped?: string,
  double?: string,
  single?: string,
  plain?: string,
): string {
  return escaped ?? double?.replace(/\\(["\\$`])/g, "$1") ?? single ?? plain ?? "";
}

function badLine(origin: string, reason: string): TsbakError {
  return new TsbakError(
    "invalid-argument",
    `Cannot use the command line of ${origin}: ${reason}; quote it as for a shell`,
  );
}
