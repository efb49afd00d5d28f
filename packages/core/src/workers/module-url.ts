/**
 * The URL of a worker module: TypeScript in development, JavaScript as published. `name` is the module's folders and name without
 * ending, from the root of the package's code, which this module and the bundle it becomes part of are one folder below.
 */
export function moduleUrl(name: string): URL {
  const own = import.meta.url;
  return new URL(`../${name}${own.endsWith(".ts") ? ".ts" : ".js"}`, own);
}
