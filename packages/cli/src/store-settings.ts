import { TsbakError, type CompressionLevel, type Repository } from "@tsbak/core";
import type { Context } from "./context.ts";
import { parsedSetting } from "./parsed-setting.ts";
import { parseCompression, parseCount, parsePackSize } from "./parse-values.ts";

/** How new data is stored. */
export interface StoreSettings {
  readonly compression: CompressionLevel | undefined;
  readonly packSize: number | undefined;
  readonly extraVerify: boolean;
}

/**
 * What flags and environment say of storing.
 *
 * @throws {TsbakError} `invalid-argument` for a bad value in the environment, unless a flag stands in for it.
 */
export function storeSettings(context: Context): StoreSettings {
  const { globals, environment } = context;
  const read = <T>(name: string, parse: (text: string) => T): T | undefined =>
    parsedSetting(environment, name, parse);
  read("READ_CONCURRENCY", parseCount);
  return {
    compression: globals.compression ?? read("COMPRESSION", parseCompression),
    packSize: globals.packSize ?? read("PACK_SIZE", parsePackSize),
    extraVerify: globals.extraVerify ?? true,
  };
}

/** @throws {TsbakError} `unsupported` if compression was asked for in a repository of version 1, which has none. */
export function refuseCompression(repository: Repository, settings: StoreSettings): void {
  const { compression = "auto" } = settings;
  if (repository.version > 1 || compression === "auto" || compression === "off") return;
  throw new TsbakError(
    "unsupported",
    `Cannot compress: the repository is of version 1, which has no compression; leave out --compression`,
  );
}
