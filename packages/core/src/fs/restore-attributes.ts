import { constants } from "node:os";

import { TsbakError } from "../errors.ts";
import type { ExtendedAttribute } from "../format/node.ts";
import type { AttributeCalls, AttributeTarget } from "./attribute-calls.ts";
import type { AttributeTest } from "./attribute-rule.ts";
import { splitNulList } from "../bytes/nul-list.ts";
import { printablePath } from "./path.ts";
import { describeSystemError, isSystemError } from "./system-error.ts";

/** How setting attributes ended: all are kept, the system refused some that we may not or cannot set, or it failed. */
export type AttributeOutcome = "kept" | "refused" | Error;

/** SELinux lets nobody remove its label, and the file has had the right one since it was made. */
const NEVER_REMOVED = new Set(["security.selinux"]);
const { ENOTSUP, EOPNOTSUPP, ENOSYS, EPERM, EACCES, ENODATA } = constants.errno;
/** What a file system says that knows no attributes of this kind. */
const NOT_KNOWN: ReadonlySet<number> = new Set([-ENOTSUP, -EOPNOTSUPP, -ENOSYS]);
const FORBIDDEN: ReadonlySet<number> = new Set([-EPERM, -EACCES]);

/**
 * Give an entry exactly these extended attributes: others that it has are removed, as restic does. What `isWanted` refuses is neither
 * set nor removed. One that fails does not
 * keep the rest from being set. Who is not root is forbidden some: that is a refusal, not a failure.
 */
export function restoreAttributes(
  calls: AttributeCalls,
  target: AttributeTarget,
  attributes: readonly ExtendedAttribute[],
  isRoot: boolean,
  isWanted: AttributeTest = () => true,
): AttributeOutcome {
  const outcomes = attributes
    .filter(({ name }) => isWanted(nameBytes(name)))
    .map(({ name, value }) => {
      const bytes = nameBytes(name);
      return judge(() => calls.set(target, bytes, value ?? new Uint8Array(0)), isRoot, bytes);
    });
  outcomes.push(...removeOthers(calls, target, attributes, isRoot, isWanted));
  const failure = outcomes.find((outcome) => outcome instanceof Error);
  if (failure !== undefined) return failure;
  // Where nothing was wanted, nothing is missing.
  return attributes.length > 0 && outcomes.includes("refused") ? "refused" : "kept";
}

function removeOthers(
  calls: AttributeCalls,
  target: AttributeTarget,
  attributes: readonly ExtendedAttribute[],
  isRoot: boolean,
  isWanted: AttributeTest,
): AttributeOutcome[] {
  let list: Uint8Array = new Uint8Array(0);
  const listed = judge(() => (list = calls.list(target)), isRoot);
  if (list.length === 0) return [listed];
  const wanted = new Set(attributes.map(({ name }) => latin1(nameBytes(name))));
  const isOther = (name: string): boolean => !wanted.has(name) && !NEVER_REMOVED.has(name);
  return splitNulList(list)
    .filter((name) => isOther(latin1(name)) && isWanted(name))
    .map((name) => judge(() => calls.remove(target, name), isRoot, name));
}

function judge(change: () => unknown, isRoot: boolean, name?: Uint8Array): AttributeOutcome {
  try {
    change();
    return "kept";
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const errno = error.errno ?? 0;
    // It went away by itself, as an ACL does that says no more than the mode.
    if (errno === -ENODATA) return "kept";
    if (NOT_KNOWN.has(errno) || (!isRoot && FORBIDDEN.has(errno))) return "refused";
    // Not the system's error itself: ENOSPC says here that the value is too long for this file system, not that it is full.
    const which = name === undefined ? "" : ` "${printablePath(name)}"`;
    return new TsbakError(
      FORBIDDEN.has(errno) ? "denied" : "unsupported",
      `Cannot restore extended attribute${which}: ${describeSystemError(error)}`,
      { cause: error },
    );
  }
}

/** A name with NUL cannot come from a system; what is before the NUL is another attribute, which nobody asked for. */
function nameBytes(name: string): Uint8Array {
  return Buffer.from(name.replaceAll("\0", "\ufffd"));
}

function latin1(name: Uint8Array): string {
  return Buffer.from(name).toString("latin1");
}
