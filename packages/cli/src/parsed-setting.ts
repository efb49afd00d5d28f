import { TsbakError } from "@tsbak/core";
import { setting, type Environment } from "./environment.ts";

/**
 * A variable of the environment as `parse` reads it; undefined if it is not set.
 *
 * @throws {TsbakError} `invalid-argument` if `parse` does not take it.
 */
export function parsedSetting<T>(
  environment: Environment,
  name: string,
  parse: (text: string) => T,
): T | undefined {
  const text = setting(environment, name);
  try {
    return text === undefined ? undefined : parse(text);
  } catch (error) {
    const hint = error instanceof Error ? error.message : "";
    throw new TsbakError(
      "invalid-argument",
      `Cannot use ${name} of the environment: "${text}" is not right. ${hint}`,
    );
  }
}
