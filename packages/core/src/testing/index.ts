/**
 * What tests of backends and of the engine share: the contract suite and fault injection. Needs vitest.
 *
 * @module
 */
export { describeBackend } from "./backend-suite.ts";
export type { BackendSuiteOptions } from "./backend-suite.ts";
export { FaultyBackend } from "./faulty-backend.ts";
export type { BackendMethod, CallPattern, Fault, LoggedCall } from "./faulty-backend.ts";
