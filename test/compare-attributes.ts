import { spawnSync } from "node:child_process";

/**
 * How the extended attributes, ACLs and capabilities below `b` differ from those below `a`, by the system's own tools: the lines that
 * only one side has, none if they are equal.
 */
export function compareAttributes(a: string, b: string): string[] {
  const [before, after] = [describeAttributes(a), describeAttributes(b)];
  const [ours, theirs] = [new Set(after), new Set(before)];
  return [
    ...before.filter((line) => !ours.has(line)).map((line) => `is missing: ${line}`),
    ...after.filter((line) => !theirs.has(line)).map((line) => `is not in the source: ${line}`),
  ];
}

/** One line for each entry that has any, with all of them. */
function describeAttributes(root: string): string[] {
  const attributes = listing(root, "getfattr -R -P -h -d -m - -e hex . | sed 's/^# file: //'");
  const acls = listing(root, "getfacl -R -P -n -p --skip-base .");
  return [...attributes, ...acls];
}

function listing(cwd: string, command: string): string[] {
  const options = { cwd, encoding: "latin1", maxBuffer: 2 ** 30 } as const;
  const result = spawnSync("bash", ["-euo", "pipefail", "-c", command], options);
  if (result.status !== 0) throw new Error(`Cannot list attributes: ${result.stderr}`);
  return result.stdout
    .split("\n\n")
    .map((block) => block.trim().split("\n").sort().join(" "))
    .filter((block) => block !== "");
}
