/**
 * The URL of a worker module that stands beside the calling one: TypeScript in development, JavaScript as published.
 * `from` is the caller's `import.meta.url`, `name` the module's name without ending.
 */
export function moduleUrl(from: string, name: string): URL {
  return new URL(`./${name}${from.endsWith(".ts") ? ".ts" : ".js"}`, from);
}
