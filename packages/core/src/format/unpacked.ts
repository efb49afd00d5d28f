import { TsbakError } from "../errors.ts";

/**
 * How the opened bytes of an index, snapshot or lock file hold their JSON, told by the first byte (format section 6):
 * `json` as they are, `zstd` as one frame after the first byte, which is 0x02, or nothing at all.
 *
 * @throws {TsbakError} `corrupt` for any other first byte.
 */
export function unpackedEncoding(plain: Uint8Array): "json" | "zstd" | "empty" {
  switch (plain[0]) {
    case undefined:
      return "empty";
    case 0x02:
      return "zstd";
    case 0x5b:
    case 0x7b:
      return "json";
    default:
      throw new TsbakError(
        "corrupt",
        `Cannot read file: its encoding 0x${plain[0].toString(16)} is not known; a newer version may have written it`,
      );
  }
}
