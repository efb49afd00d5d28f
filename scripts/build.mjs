/**
 * Build everything that is published: the WebAssembly kernel, then the packages in order of dependence.
 * Old output goes first: a file whose source is gone must not be published.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);

function run(script, ...args) {
  execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
}

const compiler = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const assembler = join(root, "node_modules", "assemblyscript", "bin", "asc.js");

mkdirSync(join(root, "packages/core/wasm"), { recursive: true });
run(
  assembler,
  "packages/core/src/chunk/kernel/rabin.as.ts",
  ...["--outFile", "packages/core/wasm/rabin.wasm", "--runtime", "stub", "-O3", "--noAssert"],
  ...["--importMemory", "--memoryBase", "65536"],
);
for (const name of ["core", "backends", "cli"]) {
  rmSync(join(root, "packages", name, "dist"), { recursive: true, force: true });
  run(compiler, "-b", `packages/${name}/tsconfig.build.json`);
}

/** Other packages, which must not be copied into ours. */
const isOutside = (id) => !id.startsWith(".") && !id.startsWith("/");

/** Every thread keeps the text of its code: one byte for each character where all are Latin-1, else two. */
const latin1Code = {
  name: "latin1-code",
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type === "chunk") file.code = file.code.replace(/[^\u0000-\u00ff]/g, escaped);
    }
  },
};
const escaped = (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** How every bundle is written: without the comments, which are in the declarations. */
const OUTPUT = { format: "esm", comments: false, plugins: [latin1Code] };

/** Put a worker module and all that it imports of its package into one file, in its place. */
async function bundleWorker(file) {
  const input = join(root, file);
  const bundle = await rolldown({ input, platform: "node", external: isOutside });
  await bundle.write({ ...OUTPUT, file: input, codeSplitting: false });
  await bundle.close();
}

/**
 * Put the modules of a package into few files: its entries, in their place, and what they share, once. Shared files lie in a
 * folder of `dist` as the modules do, so that what is found by its place relative to them, such as workers, still is.
 */
async function bundlePackage(name, entries, groups = []) {
  const dist = join(root, "packages", name, "dist");
  const input = Object.fromEntries(entries.map((entry) => [entry, join(dist, `${entry}.js`)]));
  const bundle = await rolldown({ input, platform: "node", external: isOutside });
  const chunkFileNames = "shared/[name].js";
  await bundle.write({
    ...OUTPUT,
    dir: dist,
    chunkFileNames,
    codeSplitting: { groups },
  });
  await bundle.close();
}

// Every thread loads its code anew, and every process; one file is there sooner than a hundred.
const workers = [
  "backup/worker",
  "restore/worker",
  "maintain/verify/verify-worker",
  "maintain/transfer/transfer-worker",
  "maintain/prune/mark-worker",
];
for (const worker of workers) {
  await bundleWorker(`packages/core/dist/${worker}.js`);
}
// All but the entries themselves, which lie in another depth.
const engine = { name: "engine", test: /dist\/(?!testing\/|index\.js$)/ };
await bundlePackage("core", ["index", "testing/index"], [engine]);
await bundlePackage("backends", ["index"]);
await bundlePackage("cli", ["main"]);
