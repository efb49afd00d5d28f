import { Workshop } from "../peers.ts";

/** What every proof can be told. A proof adds options of its own. */
export interface ProofOptions {
  /** Bytes of the random tree that it works on. */
  readonly size?: number | undefined;
  /** Files of that tree. */
  readonly files?: number | undefined;
  readonly seed?: string | undefined;
  /** Where its folder is made; the system's temporary folder unless given. */
  readonly folder?: string | undefined;
  /** Told of each step as it is done. */
  readonly log?: ((line: string) => void) | undefined;
}

/** The result of a proof. It holds if there are no failures. */
export interface Report {
  readonly proof: string;
  readonly figures: Readonly<Record<string, string | number>>;
  readonly failures: readonly string[];
}

/** What a running proof writes down. */
export class Findings {
  readonly figures: Record<string, string | number> = {};
  readonly failures: string[] = [];
  readonly #log: (line: string) => void;
  readonly #started: number = performance.now();

  constructor(options: ProofOptions) {
    this.#log = options.log ?? (() => undefined);
  }

  note(line: string): void {
    this.#log(`${((performance.now() - this.#started) / 1000).toFixed(1).padStart(7)} s  ${line}`);
  }

  /** Each of `problems` is a failure of `step`; none means that it is done. */
  judge(step: string, problems: readonly string[]): void {
    this.note(problems.length === 0 ? step : `${step}: FAILED (${problems.length})`);
    // The first few tell what is wrong; a tree that is missing as a whole would give a line for each file.
    for (const problem of problems.slice(0, 20)) this.failures.push(`${step}: ${problem}`);
    if (problems.length > 20) this.failures.push(`${step}: and ${problems.length - 20} more`);
  }

  count(figure: string, by = 1): void {
    this.figures[figure] = Number(this.figures[figure] ?? 0) + by;
  }
}

/**
 * Run a proof in a workshop of its own. A step that throws is a failure like any other, so that a report always comes back;
 * the workshop is removed at the end.
 */
export async function prove(
  proof: string,
  options: ProofOptions,
  steps: (workshop: Workshop, findings: Findings) => Promise<void>,
): Promise<Report> {
  const findings = new Findings(options);
  const workshop = new Workshop(options.folder);
  try {
    await steps(workshop, findings);
  } catch (error) {
    findings.failures.push(error instanceof Error ? error.message : String(error));
  } finally {
    workshop.close();
  }
  return { proof, figures: findings.figures, failures: findings.failures };
}
