import { TsbakError } from "@tsbak/core";

import { optionOf } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";
import { splitShellWords } from "../shell-words.ts";
import type { SftpLocation } from "./sftp-location.ts";

/** A program whose standard input and output speak SFTP. Its arguments may hold secrets and are not for messages. */
export interface SftpCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Whether the user gave all of it. */
  readonly isOwn: boolean;
}

/**
 * A server that answers nothing for a minute is given up, so that nothing hangs. After the user's own arguments, because ssh
 * takes the first value that it sees.
 */
const DEFAULTS = ["ServerAliveInterval=15", "ServerAliveCountMax=4", "ConnectTimeout=60"];

/**
 * The command that connects to a location, as restic composes it: `-o sftp.command`, or ssh with `-o sftp.args`.
 *
 * @throws {TsbakError} `invalid-argument` if both are given, a quote is not closed, or there is no host.
 */
export function sshCommand(location: SftpLocation, settings: BackendSettings): SftpCommand {
  const command = optionOf(settings, "sftp.command");
  const extra = optionOf(settings, "sftp.args");
  if (command !== undefined) {
    if (extra !== undefined) {
      throw new TsbakError(
        "invalid-argument",
        "Cannot use -o sftp.args together with -o sftp.command: put the arguments into the command",
      );
    }
    const [program = "", ...args] = splitShellWords(command, "-o sftp.command");
    return { program, args, isOwn: true };
  }
  if (location.host === "") {
    throw new TsbakError(
      "invalid-argument",
      'Cannot use the location after "sftp:": the host is missing; write it as sftp:user@host:/path',
    );
  }
  const args = [location.host];
  if (location.port !== undefined) args.push("-p", location.port);
  if (location.user !== undefined) args.push("-l", location.user);
  if (extra !== undefined) args.push(...splitShellWords(extra, "-o sftp.args"));
  for (const option of DEFAULTS) args.push("-o", option);
  return { program: "ssh", args: [...args, "-s", "sftp"], isOwn: false };
}
