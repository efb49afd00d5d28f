/**
 * Where the command starts. Nothing is imported before the compile cache is on, so that from the second run on the code
 * need not be compiled again.
 *
 * @module
 */
import module from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

enableCompileCache();
const { run } = await import("./run.ts");
process.exitCode = await run(process.argv.slice(2));

/** In the user's own folder: code from a place where others can write, such as /tmp, must not be run. */
function enableCompileCache(): void {
  // Node 20 has no such function.
  const enable = module.enableCompileCache as typeof module.enableCompileCache | undefined;
  const home = homedir();
  const base = process.env["XDG_CACHE_HOME"] || (home === "" ? "" : join(home, ".cache"));
  if (base !== "") enable?.(join(base, "tsbak", "code"));
}
