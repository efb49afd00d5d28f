import type { Backend } from "./backend.ts";

/**
 * What a wrapper leaves to the store as it is, where the store has it. Opening a file is neither repeated nor counted: whoever cannot open one
 * reads it instead.
 */
export function passedOn(backend: Backend): Pick<Backend, "openFile" | "close"> {
  return {
    ...(backend.openFile && { openFile: backend.openFile.bind(backend) }),
    ...(backend.close && { close: backend.close.bind(backend) }),
  };
}
