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

/** Put a module and all that it imports of its package into one file, in its place. */
async function bundle(file) {
  const input = join(root, file);
  const isOutside = (id) => !id.startsWith(".") && !id.startsWith("/");
  const bundle = await rolldown({ input, platform: "node", external: isOutside });
  await bundle.write({ file: input, format: "esm", codeSplitting: false });
  await bundle.close();
}

// Every thread loads its code anew, and one file is there sooner than a hundred.
for (const worker of ["backup/worker", "restore/worker", "maintain/verify-worker"]) {
  await bundle(`packages/core/dist/${worker}.js`);
}
