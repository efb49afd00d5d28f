import { CONFIG_REF, isTsbakError } from "@tsbak/core";
import type { Backend, CallOptions, FileInfo } from "@tsbak/core";

/** The listing of the only file that stands alone: it is looked at, and if it is not there, nothing is. */
export async function* listConfig(
  backend: Pick<Backend, "stat">,
  options: CallOptions,
): AsyncIterable<FileInfo> {
  try {
    yield await backend.stat(CONFIG_REF, options);
  } catch (error) {
    if (!isTsbakError(error, "not-found")) throw error;
  }
}
