/** The variables that the command was started with. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the environment says of `name`: `TSBAK_<name>`, or else `RESTIC_<name>`, so that what was set up for restic works
 * unchanged. Empty is as good as unset.
 */
export function setting(environment: Environment, name: string): string | undefined {
  return environment[`TSBAK_${name}`] || environment[`RESTIC_${name}`] || undefined;
}

/** The same for one of several that exclude each other: our own variables of any of the names go before restic's. */
export function firstSetting<Name extends string>(
  environment: Environment,
  names: readonly Name[],
): { readonly name: Name; readonly value: string } | undefined {
  for (const prefix of ["TSBAK_", "RESTIC_"]) {
    for (const name of names) {
      const value = environment[prefix + name];
      if (value) return { name, value };
    }
  }
  return undefined;
}
