/**
 * The engine of tsbak: backup, restore and verify on repositories in the restic format.
 *
 * @module
 */
export { isTsbakError, TsbakError } from "./errors.ts";
export type { ErrorCode } from "./errors.ts";

// For those who write a backend; `@tsbak/core/testing` has the suite that it must pass.
export { throwIfAborted } from "./async/interrupted.ts";
export { CONFIG_REF } from "./backend/backend.ts";
export type {
  Backend,
  ByteRange,
  CallOptions,
  FileInfo,
  FileKind,
  FileRef,
} from "./backend/backend.ts";
export {
  checkRange,
  checkRef,
  defaultLayoutPath,
  describeFile,
  KIND_FOLDERS,
} from "./backend/layout.ts";
export { MemoryBackend } from "./backend/memory.ts";
export { isId } from "./bytes/hex.ts";
