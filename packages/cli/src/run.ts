import { Command, CommanderError } from "commander";
import { COMMANDS, type CommandEntry } from "./command-table.ts";
import type { Context } from "./context.ts";
import { EXIT, exitCodeOf, expectedCode, type ExitCode } from "./exit-codes.ts";
import { addGlobalOptions, givenFlags, type GlobalFlags } from "./options.ts";
import { Output } from "./output.ts";
import { listenForSignals, type Interruption } from "./signals.ts";
import { VERSION } from "./version.ts";

/**
 * Run the command line `args` (without program names) and give the exit code. This is the only place that catches errors:
 * each becomes one line on stderr, or an `exit_error` with `--json`.
 */
export async function run(args: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const session = new Session();
  const program = createProgram(async (entry, command) => {
    exitCode = await session.runCommand(entry, command);
  });
  try {
    await program.parseAsync(prepareArgs(args), { from: "user" });
    return exitCode;
  } catch (error) {
    return session.report(error, args);
  } finally {
    await session.close();
  }
}

type Start = (entry: CommandEntry, command: Command) => Promise<void>;

function createProgram(start: Start): Command {
  const program = new Command("tsbak")
    .description("Fast, safe, deduplicating and encrypted backups in the restic repository format")
    .version(`tsbak ${VERSION}`, "-V, --version", "print the version")
    .enablePositionalOptions()
    .helpCommand("help [command]", "print help about a command")
    .configureHelp({ subcommandTerm: usageOf });
  prepareErrors(addGlobalOptions(program));
  for (const entry of COMMANDS) addCommand(program, entry, start);
  return program;
}

function addCommand(parent: Command, entry: CommandEntry, start: Start): void {
  const command = parent.command(entry.usage).description(entry.summary);
  prepareErrors(command);
  if (entry.alias !== undefined) command.alias(entry.alias);
  entry.declare?.(command);
  addGlobalOptions(command);
  for (const child of entry.children ?? []) addCommand(command, child, start);
  if (entry.load !== undefined) command.action(() => start(entry, command));
}

/** `verify|check`, `backup [paths...]`: that there are flags goes without saying. */
function usageOf(command: Command): string {
  const names = [command.name(), ...command.aliases()].join("|");
  return `${names} ${command.usage()}`.replace(/ \[(options|command)\](?!$)| \[options\]/g, "");
}

/** Errors of commander are thrown and printed by `run`, like all others. What is left of its words is help, also where a command is missing. */
function prepareErrors(command: Command): void {
  const writeErr = (help: string): unknown => process.stdout.write(help);
  command.configureOutput({ outputError: () => undefined, writeErr }).exitOverride((error) => {
    throw new CommanderError(error.exitCode, error.code, usageMessage(command, error.message));
  });
}

/** Commander's message in one line, and where to read more. */
function usageMessage(command: Command, message: string): string {
  const names: string[] = [];
  for (let at: Command | null = command; at !== null; at = at.parent) names.unshift(at.name());
  const text = message
    .replace(/^error: /, "")
    .replaceAll("\n", " ")
    .replace(/\.$/, "");
  return `${text}; see "${names.join(" ")} --help"`;
}

/** `--verbose=2` is a flag with a value, which `--verbose` alone is not. Without arguments there is help. */
function prepareArgs(args: readonly string[]): string[] {
  if (args.length === 0) return ["--help"];
  const end = args.indexOf("--");
  return args.map((arg, index) =>
    (end < 0 || index < end) && /^--verbose=\d+$/.test(arg)
      ? arg.replace("--verbose=", "--verbose-level=")
      : arg,
  );
}

/** What lasts as long as one run of the command. */
class Session {
  #output: Output | undefined;
  #interruption: Interruption | undefined;
  #verbosity = 1;
  #isOutputLost = false;
  readonly #atEnd: (() => Promise<void>)[] = [];
  readonly #traffic: Context["traffic"] = [];

  async runCommand(entry: CommandEntry, command: Command): Promise<ExitCode> {
    const flags = givenFlags(command);
    const context = this.#prepare(flags as GlobalFlags);
    const action = await entry.load?.();
    return (await action?.(context, command.args, flags as never)) ?? EXIT.ok;
  }

  #prepare(globals: GlobalFlags): Context {
    this.#verbosity = verbosityOf(globals);
    const { stdout, stderr } = process;
    const json = globals.json ?? false;
    const output = new Output({ json, verbosity: this.#verbosity, stdout, stderr });
    this.#output = output;
    const interruption = listenForSignals((name) =>
      output.warnProblem(`${name} received, cleaning up; once more to stop at once`, {
        message: `${name} received`,
        during: "signal",
        item: "",
      }),
    );
    this.#interruption = interruption;
    stdout.on("error", (error: NodeJS.ErrnoException) => {
      // Whoever read our output has gone, as in `tsbak ls latest | head`.
      if (error.code !== "EPIPE" && !this.#isOutputLost) reportLostOutput(error, json);
      this.#isOutputLost = true;
      interruption.abort();
    });
    const atEnd: Context["atEnd"] = (work) => void this.#atEnd.push(work);
    const { signal } = interruption;
    const traffic = this.#traffic;
    return { globals, environment: process.env, output, signal, atEnd, traffic };
  }

  report(error: unknown, args: readonly string[]): ExitCode {
    if (this.#isOutputLost) return EXIT.failure;
    const isInterrupted = this.#interruption?.signal.aborted === true;
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // Help that was printed because a command is missing, as in `tsbak key`, is what was asked for; for restic, too.
    if (error instanceof CommanderError && error.code === "commander.help") return EXIT.ok;
    const code = isInterrupted ? EXIT.interrupted : exitCodeOf(error);
    this.#output?.close();
    const json = this.#output?.json ?? args.includes("--json");
    const message = code === EXIT.interrupted ? interruptedText(error) : describe(error);
    const line = json ? JSON.stringify({ message_type: "exit_error", code, message }) : message;
    process.stderr.write(`${line}\n`);
    const isExplained = error instanceof CommanderError || code === EXIT.interrupted;
    if (this.#verbosity > 1 && !isExplained && !json) writeCauses(error);
    return code;
  }

  async close(): Promise<void> {
    if (this.#traffic.length > 0) await this.#printTraffic();
    this.#output?.close();
    for (const work of this.#atEnd.reverse()) {
      // What the command was to do is done or reported; a connection that ends badly changes nothing about it.
      await work().catch((error: unknown) => {
        if (this.#verbosity > 1) process.stderr.write(`${describe(error)}\n`);
      });
    }
    this.#interruption?.dispose();
  }

  async #printTraffic(): Promise<void> {
    if (this.#verbosity < 2) return;
    const { describeTraffic } = await import("./traffic-report.ts");
    const line = describeTraffic({ traffic: this.#traffic });
    if (line !== undefined) this.#output?.say(line, 2);
  }
}

/** Results that could not be written are a failure, even if that shows only after the command has done its work. */
function reportLostOutput(error: NodeJS.ErrnoException, json: boolean): void {
  const message = `Fatal: Cannot write the output: standard output failed (${error.code})`;
  const exit = { message_type: "exit_error", code: EXIT.failure, message };
  process.stderr.write(`${json ? JSON.stringify(exit) : message}\n`);
  process.once("exit", () => (process.exitCode = EXIT.failure));
}

function verbosityOf({ quiet, verbose, verboseLevel }: GlobalFlags): number {
  const level = verboseLevel ?? verbose ?? 0;
  if (quiet === true && level > 0) {
    throw new CommanderError(1, "tsbak.flags", "--quiet and --verbose cannot be given together");
  }
  return quiet === true ? 0 : 1 + Math.min(level, 2);
}

function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof CommanderError || expectedCode(error) !== undefined) return `Fatal: ${text}`;
  const [line = ""] = text.split("\n");
  return `Fatal: unexpected error: ${line}; run it again with --verbose for details`;
}

function interruptedText(error: unknown): string {
  return expectedCode(error) === "interrupted" ? (error as Error).message : "Interrupted";
}

/** The stack of an unexpected error, and the reasons behind an expected one. */
function writeCauses(error: unknown): void {
  if (!(error instanceof Error)) return;
  if (expectedCode(error) === undefined) process.stderr.write(`${error.stack ?? ""}\n`);
  if (error.cause instanceof Error) {
    process.stderr.write(`because: ${error.cause.message}\n`);
    writeCauses(error.cause);
  }
}
