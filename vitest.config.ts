import { availableParallelism } from "node:os";
import { join } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const source = { conditions: ["@tsbak/source"] };

// Threads that run TypeScript share the WebAssembly which strips its types, and in V8 13.6 they now and then free the same
// wrapper twice when it is compiled anew (a crash in TierUpWasmToJSWrapper): it never is. What is built has no such wrappers.
const execArgv = ["--wasm-wrapper-tiering-budget=2000000000"];

// Threads read the sources anew each time they start, which without this takes a third of a second and a core.
const env = { NODE_COMPILE_CACHE: join(import.meta.dirname, "node_modules/.cache/tsbak-tests") };

// One less than there are cores, as vitest has it, would leave a core idle where there are two: most tests wait a lot.
const maxWorkers = Math.max(availableParallelism() - 1, 2);

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        resolve: source,
        ssr: { resolve: source },
        test: {
          name: "unit",
          env,
          execArgv,
          maxWorkers,
          include: ["packages/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve: source,
        ssr: { resolve: source },
        test: {
          name: "system",
          env,
          execArgv,
          include: ["test/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // More would get in each other's way: they start programs that use more than one core.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

export default config;
