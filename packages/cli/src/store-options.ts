import { TsbakError } from "@tsbak/core";

/**
 * What `-o` gave, by name: each text is `key=value`, or several with commas between. Unlike restic, a comma separates only where
 * another key follows, so that `-o sftp.args=-oCiphers=a,b` means what it says; restic's way of writing that, in double quotes,
 * works as well. Upper and lower case of a key are alike.
 *
 * @throws {TsbakError} `invalid-argument` if a key is missing, or was given two values.
 */
export function parseStoreOptions(texts: readonly string[]): Readonly<Record<string, string>> {
  const options = new Map<string, string>();
  for (const part of texts.flatMap(splitList)) {
    if (part.trim() === "") continue;
    const [key, value] = splitOption(part);
    const before = options.get(key) ?? value;
    // Values are not shown: they may hold a secret.
    if (before !== value) throw badOption(`${key} was given two values; give one`);
    options.set(key, value);
  }
  return Object.fromEntries(options);
}

function splitList(text: string): string[] {
  if (text.startsWith('"')) {
    const quoted = text.matchAll(/"((?:[^"]|"")*)"(?:,|$)|([^,"]+)(?:,|$)/g);
    return Array.from(quoted, (match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
  }
  return text.split(/,(?=\s*[a-z0-9]+\.[a-z0-9-]+\s*=)/i);
}

function splitOption(text: string): [key: string, value: string] {
  const at = text.indexOf("=");
  if (at < 0) {
    const name = /^\s*([a-z0-9]+\.[a-z0-9-]+)\s*$/i.exec(text)?.[1] ?? "one of them";
    throw badOption(`${name} has no value; write it as key=value`);
  }
  const key = text.slice(0, at).trim().toLowerCase();
  if (key === "") throw badOption("there is no key before the =; write it as key=value");
  return [key, text.slice(at + 1).trim()];
}

function badOption(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot use --option: ${reason}`);
}
