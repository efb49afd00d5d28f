/** A signal that aborts when one of these does, with its reason. Those that are undefined never abort. */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((signal) => signal !== undefined));
}
