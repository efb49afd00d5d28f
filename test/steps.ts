/**
 * What the proofs do with any tool that speaks restic's language: create a repository, back up, restore, check. Each step
 * throws with all that the tool printed if it does not end as it should. `node` runs tsbak, see `RunOptions`.
 *
 * @module
 */
import { openBackend } from "@tsbak/backends";
import { createQuickly } from "@tsbak/core/testing";
import { checkCommand, isTestRun, type RunOptions, type ToolName, type Workshop } from "./peers.ts";

/** A repository in a folder, and the workshop whose password and cache it is used with. */
export interface TestRepository {
  readonly workshop: Workshop;
  readonly folder: string;
}

export interface BackupStep {
  /** First 8 digits of the snapshot's id, which is all that restic 0.14 tells. */
  readonly id: string;
  /** Id of the root tree. */
  readonly tree: string;
  readonly dataBlobs: number;
  readonly treeBlobs: number;
  /** Bytes that the repository grew by, before compression. */
  readonly added: number;
  /** Of the run of the tool. */
  readonly durationMs: number;
}

interface SnapshotLine {
  readonly id: string;
  readonly tree: string;
}

/** Run a tool on the repository; the result is not judged. */
export function runOn(
  repository: TestRepository,
  tool: ToolName,
  args: readonly string[],
  options: RunOptions = {},
): ReturnType<Workshop["run"]> {
  return repository.workshop.run(tool, args, onRepository(repository, options));
}

/** Run a tool on the repository; gives what it printed. */
export function mustOn(
  repository: TestRepository,
  tool: ToolName,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  return repository.workshop.must(tool, args, onRepository(repository, options));
}

/** Options that make a tool use the repository. */
export function onRepository(repository: TestRepository, options: RunOptions = {}): RunOptions {
  return { ...options, env: { RESTIC_REPOSITORY: repository.folder, ...options.env } };
}

/**
 * An empty repository of a tool. In tests it is not made by the tool, which takes seconds to choose the cost of a key; whoever wants to
 * know what it makes calls `initByTool`.
 */
export async function initRepository(
  workshop: Workshop,
  tool: ToolName,
  name: string,
  version: 1 | 2 = 2,
): Promise<TestRepository> {
  if (!isTestRun) return initByTool(workshop, tool, name, version);
  const folder = workshop.path(name);
  const password = workshop.environment().RESTIC_PASSWORD ?? "";
  await createQuickly(await openBackend(folder), { password, version });
  return { workshop, folder };
}

/** Have a tool make a repository. */
export async function initByTool(
  workshop: Workshop,
  tool: ToolName,
  name: string,
  version: 1 | 2 = 2,
  node?: string,
): Promise<TestRepository> {
  const repository = { workshop, folder: workshop.path(name) };
  await mustOn(repository, tool, ["init", "--repository-version", String(version)], { node });
  return repository;
}

/** Back up `path`: relative to `options.cwd`, or absolute. */
export async function backupStep(
  repository: TestRepository,
  tool: ToolName,
  path: string,
  options: RunOptions & { readonly args?: readonly string[] | undefined } = {},
): Promise<BackupStep> {
  const args = ["backup", "--json", ...(options.args ?? []), path];
  const started = performance.now();
  const summary = lastSummary(await mustOn(repository, tool, args, options));
  const durationMs = performance.now() - started;
  const id = String(summary.snapshot_id).slice(0, 8);
  const snapshot = (await listSnapshots(repository, tool)).find((line) => line.id.startsWith(id));
  if (!snapshot) throw new Error(`${tool} does not list the snapshot ${id} that it wrote`);
  return {
    id,
    tree: snapshot.tree,
    dataBlobs: Number(summary.data_blobs),
    treeBlobs: Number(summary.tree_blobs),
    added: Number(summary.data_added),
    durationMs,
  };
}

export async function listSnapshots(
  repository: TestRepository,
  tool: ToolName,
): Promise<SnapshotLine[]> {
  return JSON.parse(await mustOn(repository, tool, ["snapshots", "--json"])) as SnapshotLine[];
}

export async function restoreStep(
  repository: TestRepository,
  tool: ToolName,
  id: string,
  target: string,
  options: Pick<RunOptions, "node"> & { readonly args?: readonly string[] | undefined } = {},
): Promise<void> {
  const args = ["restore", id, "--target", target, ...(options.args ?? [])];
  await mustOn(repository, tool, args, { node: options.node });
}

/** Read everything in the repository, by each of the tools. */
export async function checkStep(
  repository: TestRepository,
  tools: readonly ToolName[],
  node?: string,
): Promise<void> {
  for (const tool of tools)
    await mustOn(repository, tool, [checkCommand(tool), "--read-data"], { node });
}

function lastSummary(output: string): Record<string, unknown> {
  for (const line of output.trim().split("\n").reverse()) {
    const message = JSON.parse(line) as Record<string, unknown>;
    if (message.message_type === "summary") return message;
  }
  throw new Error(`There is no summary in the output:\n${output.slice(-2000)}`);
}
