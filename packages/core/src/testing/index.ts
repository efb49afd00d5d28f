/**
 * What tests of backends and of the engine share: the contract suite, fault injection, repositories written file by file. Needs
 * vitest.
 *
 * @module
 */
export type { BackendMethod } from "../backend/backend.ts";
export { BRISK_CLOCK } from "./brisk-clock.ts";
export { createQuickly } from "./create-quickly.ts";
export { describeBackend } from "./backend-suite.ts";
export type { BackendSuiteOptions } from "./backend-suite.ts";
export { FaultyBackend } from "./faulty-backend.ts";
export type { CallPattern, Fault, LoggedCall } from "./faulty-backend.ts";
export { TestingRepository } from "./sample-repository.ts";
export type { PlainBlob } from "./sample-repository.ts";
export { bytesOf, KINDS, listAll, sameBytes, someRef } from "./sample-files.ts";
