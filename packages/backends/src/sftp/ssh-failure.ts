import { TsbakError } from "@tsbak/core";
import type { ErrorCode } from "@tsbak/core";

import type { ProcessEnd } from "./ssh-process.ts";

interface Cause {
  /** In what ssh prints; its messages are English everywhere. */
  readonly sign: RegExp;
  readonly code: ErrorCode;
  readonly advice: string;
}

/** Most telling first: ssh prints several lines, and the last is often only that the connection is closed. */
const CAUSES: readonly Cause[] = [
  {
    sign: /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|No \S+ host key is known/,
    code: "denied",
    advice:
      "compare the host key with the server's, and if it is right put it into known_hosts (run ssh by hand once)",
  },
  {
    sign: /Permission denied|Too many authentication failures/,
    code: "denied",
    advice: "check the user, and that the server knows the key (ssh -v shows which are tried)",
  },
  {
    sign: /Could not resolve hostname/,
    code: "unavailable",
    advice: "check the name of the host and the network",
  },
  {
    sign: /subsystem request failed/,
    code: "unsupported",
    advice: "the server offers no SFTP; have its administrator allow the subsystem sftp",
  },
  {
    sign: /Unable to negotiate|no matching .* found/,
    code: "unsupported",
    advice: "client and server have no method in common; update the older of them",
  },
  {
    sign: /[Bb]ad configuration option|Bad owner or permissions|^usage: ssh|unknown option|Bad port/,
    code: "invalid-argument",
    advice: "check ~/.ssh/config and -o sftp.args",
  },
];

/** Exit codes of a shell for a program that it cannot run. */
const CANNOT_RUN: readonly number[] = [126, 127];

/**
 * Why there is no connection (any more): what ssh printed, and what to do. `program` is named if it cannot be run. The text
 * continues a sentence that ends with a colon.
 */
export function sshFailure(
  lines: readonly string[],
  end: ProcessEnd,
  { program, wasConnected }: { readonly program: string; readonly wasConnected: boolean },
): TsbakError {
  if (!wasConnected && end.exitCode !== undefined && CANNOT_RUN.includes(end.exitCode)) {
    return new TsbakError(
      "unsupported",
      `the program ${program} cannot be run; install it, or name another with -o sftp.command`,
    );
  }
  for (const { sign, code, advice } of wasConnected ? [] : CAUSES) {
    const line = lines.find((text) => sign.test(text));
    if (line !== undefined) return new TsbakError(code, `${line.replace(/\.$/, "")}; ${advice}`);
  }
  const what = wasConnected ? "the connection was lost" : "there is no connection";
  const said = lines.at(-1)?.replace(/\.$/, "") ?? end.error?.message ?? endOf(end);
  return new TsbakError("unavailable", `${what} (${said}); check the server and the network`);
}

function endOf({ exitCode }: ProcessEnd): string {
  return exitCode === undefined ? "ssh was ended by a signal" : `ssh ended with ${exitCode}`;
}
