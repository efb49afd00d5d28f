import { TsbakError } from "@tsbak/core";

/**
 * The location of the folder `name` inside the place that `location` names, in the spelling of its kind of store
 * (`b2:bucket` becomes `b2:bucket:name`). It need not exist.
 *
 * @throws {TsbakError} `unsupported` for a kind of store where nobody knows how.
 */
export function locationBelow(location: string, name: string): string {
  const scheme = /^([a-z0-9]+):/.exec(location)?.[1] ?? "";
  const rest = location.slice(scheme.length + 1);
  switch (scheme) {
    case "rest":
      return `rest:${join(withSocketPath(rest), name)}/`;
    case "sftp":
      // Behind a lone colon a path is relative to the home directory, which a slash would change.
      return rest.startsWith("//") || !rest.endsWith(":")
        ? `sftp:${join(rest, name)}`
        : `sftp:${rest}${name}`;
    case "b2":
      return rest.includes(":") ? joinTail(`b2:${rest}`, name) : `b2:${rest}:${name}`;
    case "rclone":
      return joinTail(location, name);
    case "azure":
    case "gs":
    case "swift":
      throw new TsbakError(
        "unsupported",
        `Cannot go into ${scheme}: locations: stores of this kind are not in this version yet`,
      );
    default:
      return join(location, name);
  }
}

function join(path: string, name: string): string {
  return path.endsWith("/") ? `${path}${name}` : `${path}/${name}`;
}

/** Without a slash where there is no path yet. */
function joinTail(location: string, name: string): string {
  return location.endsWith(":") ? `${location}${name}` : join(location, name);
}

/** `http+unix:///run/x.socket` has the path of the socket only; the path on the server follows a colon. */
function withSocketPath(url: string): string {
  return /^https?\+unix:\/\/[^:]*$/.test(url) ? `${url}:/` : url;
}
