import { RestBackend } from "../rest/rest.ts";
import type { BackendSettings } from "../settings.ts";
import { rcloneCommand } from "./rclone-command.ts";
import { RcloneTransport } from "./rclone-transport.ts";

/**
 * The store that a location `rclone:remote:path` names: rclone serves it as restic's REST server, over its standard input and
 * output. rclone is started with the first call.
 *
 * rclone has no create-only write and not every remote of it is atomic: see `RestBackend`.
 *
 * @throws {TsbakError} `invalid-argument` for a location or option that is not understood.
 */
export function openRclone(remote: string, settings: BackendSettings): RestBackend {
  const command = rcloneCommand(remote, settings);
  const { shown, connections } = command;
  return new RestBackend(
    { location: shown, path: "/", connections },
    new RcloneTransport(command, settings),
  );
}
