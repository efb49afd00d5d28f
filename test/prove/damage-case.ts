import type { DamageBench } from "./damage-bench.ts";

/** Where a doctor may look besides the repository itself. */
export type Help = "cache" | "mirror" | "other repository" | "live files";

/** One kind of damage and what must come of it. The repository has three snapshots. */
export interface DamageCase {
  readonly title: string;
  readonly help?: readonly Help[];
  readonly damage: (bench: DamageBench) => void | Promise<void>;
  /** Kinds of problems that verify must find; none for what is harmless. An error code if the repository does not open. */
  readonly seen: readonly string[];
  /** What restic's check ends with; negative if that is not sure, or `NEVER_ENDS`. */
  readonly restic: number;
  /** Snapshots that can be restored in full after the doctor. */
  readonly saved: number;
  /** Kinds of problems that are left. */
  readonly left?: readonly string[];
}

/** restic's check waits for ever. Nobody asks it. */
export const NEVER_ENDS: number = -2;

/** The snapshots of the repository. */
export const ALL = 3;
