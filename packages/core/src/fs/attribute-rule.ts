import { compilePatterns, type PatternSource } from "./filter.ts";

/** Which extended attributes are restored, by their names: those that match, or those that do not. */
export interface AttributeRule {
  readonly kind: "include" | "exclude";
  readonly patterns: PatternSource;
}

/** Whether an attribute of this name is restored; the name may be given as bytes that are no UTF-8. */
export type AttributeTest = (name: Uint8Array) => boolean;

/** @throws {TsbakError} `invalid-argument` for a malformed pattern. */
export function compileAttributeRule({ kind, patterns }: AttributeRule): AttributeTest {
  const list = compilePatterns(patterns.patterns, patterns);
  return (name) => list.match(name) === (kind === "include");
}
