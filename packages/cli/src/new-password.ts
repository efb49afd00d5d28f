import type { Context } from "./context.ts";
import { loadNewPassword } from "./password.ts";

/** Flags that give a new password. */
export interface NewPasswordFlags {
  readonly newPasswordFile?: string;
  readonly newInsecureNoPassword?: boolean;
}

/** The password for a new key, from a flag or a person. */
export function askNewPassword(context: Context, flags: NewPasswordFlags): Promise<string> {
  const wish = {
    file: flags.newPasswordFile,
    isEmpty: flags.newInsecureNoPassword ?? false,
    emptyFlag: "--new-insecure-no-password",
  };
  const terminal = { input: process.stdin, output: process.stderr };
  return loadNewPassword(wish, terminal, context.signal, "--new-password-file");
}
