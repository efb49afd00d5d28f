import { expect, test } from "vitest";

import { parseSftpLocation } from "./sftp-location.ts";
import { sshCommand } from "./ssh-command.ts";

function commandOf(rest: string, options: Record<string, string> = {}): string[] {
  const { program, args } = sshCommand(parseSftpLocation(rest), { options });
  return [program, ...args];
}

const limits = [
  ...["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4", "-o", "ConnectTimeout=60"],
];

test("sshCommand() composes the command as restic does, with limits for a server that falls silent", () => {
  expect(commandOf("host:dir")).toEqual(["ssh", "host", ...limits, "-s", "sftp"]);
  expect(commandOf("//user@[::1]:22/dir", { "sftp.args": "-i 'my key'" })).toEqual([
    ...["ssh", "::1", "-p", "22", "-l", "user", "-i", "my key"],
    ...[...limits, "-s", "sftp"],
  ]);
});

test("sshCommand() takes the user's own command as it is", () => {
  const options = { "sftp.command": `ssh -p 2222 "my host" -s sftp` };

  expect(commandOf(":dir", options)).toEqual(["ssh", "-p", "2222", "my host", "-s", "sftp"]);
});

test("sshCommand() refuses a command with arguments beside it, a bad one, and no host", () => {
  const both = { "sftp.command": "ssh", "sftp.args": "-v" };

  expect(() => commandOf("host:dir", both)).toThrow("-o sftp.args together with -o sftp.command");
  expect(() => commandOf("host:dir", { "sftp.command": "" })).toThrow("-o sftp.command");
  expect(() => commandOf("host:dir", { "sftp.args": "'" })).toThrow("a quote is not closed");
  expect(() => commandOf(":dir")).toThrow("the host is missing");
});
