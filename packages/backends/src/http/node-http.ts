import type * as httpModule from "node:http";
import type * as httpsModule from "node:https";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * `node:http` and `node:https`, got by `require`: importing them looks at each of their names, and three of those make
 * Node load a whole second client with WebSockets, a fifth of the time that opening a store takes.
 */
export const http: typeof httpModule = require("node:http") as typeof httpModule;
/** See `http`. */
export const https: typeof httpsModule = require("node:https") as typeof httpsModule;
