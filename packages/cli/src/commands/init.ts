import { createRepository, TsbakError, type Repository } from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import {
  hasConfig,
  openNamedBackend,
  openOtherRepository,
  passwordWish,
} from "../open-repository.ts";
import type { FromFlags } from "../options.ts";
import { loadNewPassword } from "../password.ts";

/** Flags of `init`. */
export interface InitFlags extends FromFlags {
  readonly repositoryVersion?: string;
  readonly chunker?: string;
  readonly copyChunkerParams?: boolean;
}

const VERSIONS: Readonly<Record<string, 1 | 2>> = { 1: 1, 2: 2, stable: 2, latest: 2 };

const WARNING = `
Please note that knowledge of your password is required to access
the repository. Losing your password means that your data is
irrecoverably lost.`;

/** `init`: make a repository. */
export async function runInit(
  context: Context,
  _args: readonly string[],
  flags: InitFlags,
): Promise<ExitCode> {
  const { output, signal } = context;
  const version = parseVersion(flags.repositoryVersion ?? "stable");
  const chunker = parseChunker(flags.chunker);
  const backend = await openNamedBackend(context);
  if (await hasConfig(backend)) {
    throw new TsbakError(
      "already-exists",
      `Cannot create repository at ${backend.location}: there is one; use it as it is, or another location`,
    );
  }
  const chunkerOf = await findModel(context, flags);
  const terminal = { input: process.stdin, output: process.stderr };
  const password = await loadNewPassword(passwordWish(context), terminal, signal);
  const repository = await createRepository(backend, { password, version, chunker, chunkerOf });
  const { location } = backend;
  output.say(`created restic repository ${repository.id.slice(0, 10)} at ${location}`);
  if (chunkerOf !== undefined) {
    output.say(` with chunker parameters copied from ${chunkerOf.backend.location}`);
  }
  output.say(WARNING);
  output.message({ message_type: "initialized", id: repository.id, repository: location });
  return EXIT.ok;
}

function parseVersion(text: string): 1 | 2 {
  const version = VERSIONS[text];
  if (version !== undefined) return version;
  throw badFlag(`there is no repository version "${text}"; use 1, 2, stable or latest`);
}

function parseChunker(text: string | undefined): "rabin" | "fastcdc" | undefined {
  if (text === undefined || text === "rabin" || text === "fastcdc") return text;
  throw badFlag(`there is no chunker "${text}"; use rabin or fastcdc`);
}

/** The repository of `--from-repo`, which makes sense only together with `--copy-chunker-params`. */
async function findModel(context: Context, flags: InitFlags): Promise<Repository | undefined> {
  const isNamed = flags.fromRepo !== undefined || flags.fromRepositoryFile !== undefined;
  if (flags.copyChunkerParams === true) return openOtherRepository(context, flags);
  if (!isNamed) return undefined;
  throw badFlag("--from-repo was given; add --copy-chunker-params, which needs it");
}

function badFlag(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot create repository: ${reason}`);
}
