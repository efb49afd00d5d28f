import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requirePeer, Workshop } from "./peers.ts";

let shop: Workshop;

const NETWORK = /^node:(http|https|http2|tls)$/;

/**
 * Every script that a run of tsbak loads in any thread, as V8 itself notes it for coverage: a file's URL, or `node:` and the name of a
 * module of Node's.
 */
async function loadedBy(args: readonly string[]): Promise<string[]> {
  const folder = shop.path(`loaded-${args[0]}`);
  mkdirSync(folder);
  await shop.must("tsbak", args, { env: { NODE_V8_COVERAGE: folder } });
  const urls = readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
      result: { url: string }[];
    };
    return result.map(({ url }) => url);
  });
  return [...new Set(urls)];
}

/** What the engine and the command stand on, which the stores over networks are not part of. */
function isOfEngine(name: string): boolean {
  // koffi has a package for each platform.
  if (name.startsWith("@koromix/koffi-")) return true;
  return ["core", "cli"].some((folder) => {
    const path = join(import.meta.dirname, "..", "packages", folder, "package.json");
    const { dependencies, optionalDependencies } = JSON.parse(readFileSync(path, "utf8")) as {
      dependencies?: Record<string, string>;
      optionalDependencies?: Record<string, string>;
    };
    return name in { ...dependencies, ...optionalDependencies };
  });
}

/** The packages that the scripts are of, without ours. */
function packagesOf(urls: readonly string[]): string[] {
  const names = urls.flatMap((url) => {
    const match = /^file:.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url);
    return match?.[1] === undefined || match[1].startsWith("@tsbak/") ? [] : [match[1]];
  });
  return [...new Set(names)].sort();
}

describe.skipIf(!requirePeer("tsbak"))("tsbak", () => {
  beforeAll(() => {
    shop = new Workshop();
    writeFileSync(shop.path("file"), "contents");
  });
  afterAll(() => shop.close());

  test("loads no package but the one for flags to print its version", async () => {
    const urls = await loadedBy(["--version"]);

    expect(packagesOf(urls)).toEqual(["commander"]);
    expect(urls.filter((url) => /\/(core|backends)\/dist\//.test(url))).toEqual([]);
  });

  test("loads no package of a cloud, and nothing for networks, to work on a local repository", async () => {
    const repository = ["-r", shop.path("repository")];

    const urls = await loadedBy(["init", ...repository]);
    urls.push(...(await loadedBy(["backup", ...repository, shop.path("file")])));
    urls.push(...(await loadedBy(["restore", ...repository, "latest", "-t", shop.path("out")])));

    expect(urls.some((url) => url.endsWith("/backends/dist/index.js"))).toBe(true);
    expect(packagesOf(urls).filter((name) => !isOfEngine(name))).toEqual([]);
    expect(urls.filter((url) => NETWORK.test(url))).toEqual([]);
  });
});
