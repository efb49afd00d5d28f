import { defineConfig, type ViteUserConfig } from "vitest/config";

const source = { conditions: ["@tsbak/source"] };

// Threads that run TypeScript share the WebAssembly which strips its types, and in V8 13.6 they now and then free the same
// wrapper twice when it is compiled anew (a crash in TierUpWasmToJSWrapper): it never is. What is built has no such wrappers.
const execArgv = ["--wasm-wrapper-tiering-budget=2000000000"];

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      {
        resolve: source,
        ssr: { resolve: source },
        test: {
          name: "unit",
          execArgv,
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
          execArgv,
          include: ["test/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 1,
        },
      },
    ],
  },
});

export default config;
