import type { Backend } from "@tsbak/core";

import { countOption } from "../settings.ts";
import type { BackendSettings } from "../settings.ts";
import { SftpConnection } from "./connection.ts";
import { formatSftpLocation, parseSftpLocation } from "./sftp-location.ts";
import { SftpBackend } from "./sftp.ts";
import { sshCommand } from "./ssh-command.ts";

/**
 * The store that `sftp:` and `rest` name. Options: `sftp.command`, `sftp.args`, `sftp.connections` (5). Nothing is connected
 * yet.
 *
 * @throws {TsbakError} `invalid-argument` for a location or option that is not right.
 */
export function openSftp(rest: string, settings: BackendSettings): Backend {
  const place = parseSftpLocation(rest);
  const connection = new SftpConnection(
    sshCommand(place, settings),
    settings.onNotice ?? (() => undefined),
  );
  return new SftpBackend(connection, {
    location: formatSftpLocation(place),
    root: place.path,
    connections: countOption(settings, "sftp.connections", 5),
  });
}
