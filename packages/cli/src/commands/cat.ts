import {
  CONFIG_REF,
  encodeMasterKey,
  findByPrefix,
  findSnapshot,
  findTree,
  isId,
  isTsbakError,
  parseJson,
  TsbakError,
  type FileKind,
  type Repository,
} from "@tsbak/core";
import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { indentJson } from "../json-text.ts";
import { openNamedRepository } from "../open-repository.ts";
import { withLock } from "../with-lock.ts";

/** What is needed to print one thing. */
interface Request {
  readonly context: Context;
  readonly repository: Repository;
  readonly id: string;
  readonly signal: AbortSignal;
}

const PRINTERS: Readonly<Record<string, (request: Request) => Promise<void>>> = {
  masterkey: ({ context, repository }) => printJson(context, encodeMasterKey(repository.masterKey)),
  config: printConfig,
  pack: printPack,
  blob: printBlob,
  snapshot: printSnapshot,
  index: printIndex,
  key: printKey,
  lock: printLock,
  tree: printTree,
};
const WITHOUT_ID: readonly string[] = ["masterkey", "config"];

/** `cat`: print a file of the repository, opened, or a blob. */
export async function runCat(context: Context, args: readonly string[]): Promise<ExitCode> {
  const [type = "", id = ""] = args;
  const print = Object.hasOwn(PRINTERS, type) ? PRINTERS[type] : undefined;
  if (print === undefined) {
    const types = Object.keys(PRINTERS).join(", ");
    throw badArgument(`there is no type "${type}"; use one of ${types}`);
  }
  if (id === "" && !WITHOUT_ID.includes(type)) throw badArgument(`no ID was given; name a ${type}`);
  const repository = await openNamedRepository(context);
  await withLock(context, repository, { readOnly: true }, (signal) =>
    print({ context, repository, id, signal }),
  );
  return EXIT.ok;
}

async function printConfig({ context, repository, signal }: Request): Promise<void> {
  const sealed = await repository.backend.read(CONFIG_REF, undefined, { signal });
  await printJson(context, repository.opener.open(sealed));
}

/** The bytes as they are stored, even if they are damaged. */
async function printPack(request: Request): Promise<void> {
  const { context, repository, signal } = request;
  const name = await findName(request, "pack");
  context.output.printBytes(
    await repository.backend.read({ kind: "pack", name }, undefined, { signal }),
  );
}

async function printBlob({ context, repository, id, signal }: Request): Promise<void> {
  if (!isId(id)) throw badArgument(`"${id}" is no ID of a blob; give all 64 digits`);
  context.output.printBytes(await loadAnyBlob(repository, id, signal));
}

/** restic looks among data first, so we do. */
async function loadAnyBlob(
  repository: Repository,
  id: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await repository.loadBlob("data", id, { signal });
  } catch (error) {
    if (!isTsbakError(error, "not-found")) throw error;
    return repository.loadBlob("tree", id, { signal });
  }
}

async function printSnapshot({ context, repository, id, signal }: Request): Promise<void> {
  const found = await findSnapshot(repository, id, {}, { signal });
  await printJson(context, await repository.loadFile("snapshot", found.id, { signal }));
}

async function printIndex(request: Request): Promise<void> {
  const name = await findName(request, "index");
  const bytes = await request.repository.loadFile("index", name, { signal: request.signal });
  request.context.output.print(Buffer.from(bytes).toString("utf8").trimEnd());
}

async function printKey(request: Request): Promise<void> {
  const { context, repository, signal } = request;
  const name = await findName(request, "key");
  await printJson(
    context,
    await repository.backend.read({ kind: "key", name }, undefined, { signal }),
  );
}

async function printLock(request: Request): Promise<void> {
  const name = await findName(request, "lock");
  const bytes = await request.repository.loadFile("lock", name, { signal: request.signal });
  await printJson(request.context, bytes);
}

async function printTree({ context, repository, id, signal }: Request): Promise<void> {
  const { snapshot, subPath } = await findSnapshot(repository, id, {}, { signal });
  const tree = await findTree(repository, snapshot.tree, subPath, { signal });
  context.output.printBytes(await repository.loadBlob("tree", tree, { signal }));
}

async function findName({ repository, id, signal }: Request, kind: FileKind): Promise<string> {
  return findByPrefix(await repository.listNames(kind, { signal }), id, kind);
}

async function printJson({ output }: Context, bytes: Uint8Array): Promise<void> {
  output.print(indentJson(parseJson(Buffer.from(bytes).toString("utf8"))));
}

function badArgument(reason: string): TsbakError {
  return new TsbakError("invalid-argument", `Cannot print: ${reason}`);
}
