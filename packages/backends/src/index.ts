/**
 * Where tsbak keeps repositories: one implementation of the backend contract for each kind of store.
 *
 * @module
 */
export { planSwitch, switchFolders } from "./folder-switch.ts";
export type { FolderSwitch } from "./folder-switch.ts";
export { localFolderOf } from "./local-folder.ts";
export { LocalBackend } from "./local.ts";
export { locationBelow } from "./location-below.ts";
export { openBackend } from "./open-backend.ts";
export { openStore } from "./open-store.ts";
export type { BackendSettings, TlsSettings } from "./settings.ts";
export { splitShellWords } from "./shell-words.ts";
