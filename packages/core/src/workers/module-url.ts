/**
 * The URL of a worker module: TypeScript in development, JavaScript as published. `from` is the caller's
 * `import.meta.url`, in any folder beside the module's; `name` is the module's folder and name without ending.
 */
export function moduleUrl(from: string, name: string): URL {
  return new URL(`../${name}${from.endsWith(".ts") ? ".ts" : ".js"}`, from);
}
