import { setTimeout as sleep } from "node:timers/promises";
import { compareTrees } from "../compare-trees.ts";
import { checkCommand, type ToolName, type Workshop } from "../peers.ts";
import { makeRandomTree } from "../random-tree.ts";
import { commandAt, NETWORK_STORES, type NetworkStore } from "../servers/network-stores.ts";
import { startTcpProxy, type TcpProxy } from "../servers/tcp-proxy.ts";
import { prove, type ProofOptions, type Report } from "./report.ts";

export interface OutageOptions extends ProofOptions {
  /** One of `NETWORK_STORES`. */
  readonly store: string;
  /** How long the server is gone, in milliseconds; a minute unless given. */
  readonly outageMs?: number | undefined;
}

/**
 * In the middle of a backup all connections to the server break, and none can be made for a while; then the server is back. The backup
 * goes on and ends as if nothing had happened; both tools find the repository whole (restic where it can go), and it restores equal.
 */
export function proveOutage(options: OutageOptions): Promise<Report> {
  return prove(`outage ${options.store}`, options, async (workshop, findings) => {
    const { size = 3e7, outageMs = 60_000, seed = "1", store: name } = options;
    const source = workshop.path("source");
    makeRandomTree(source, { files: 100, ...options, size, seed });
    const kind = NETWORK_STORES[name];
    if (kind === undefined) throw new RangeError(`There is no store "${name}"`);
    const store = await kind.start(workshop.path("tmp"));
    const proxy = await startTcpProxy({ port: store.port });
    try {
      const run = runner(workshop, store, store.port);
      await run("tsbak", ["init"]);
      const gone = beGone(proxy, size / 4, outageMs);
      const started = performance.now();
      const output = await runner(workshop, store, proxy.port)("tsbak", ["backup", "."], source);
      const seconds = (performance.now() - started) / 1000;
      const wasGone = await Promise.race([gone, sleep(1, false)]);
      findings.judge("the server was gone meanwhile", wasGone ? [] : ["it was over before"]);
      findings.figures["seconds gone"] = (outageMs / 1000).toFixed(1);
      findings.figures["seconds of the backup"] = seconds.toFixed(1);
      findings.judge(
        "a snapshot was made",
        /snapshot [0-9a-f]{8} saved/.test(output) ? [] : [output],
      );
      await run("tsbak", [checkCommand("tsbak"), "--read-data"]);
      if (kind.isForRestic) await run("restic", ["check", "--read-data"]);
      findings.note("the repository is whole");
      await run("tsbak", ["restore", "latest", "--target", workshop.path("target")]);
      findings.judge("it restores equal", compareTrees(source, workshop.path("target")));
    } finally {
      await proxy.stop();
      await store.stop();
    }
  });
}

type Run = (tool: ToolName, args: readonly string[], cwd?: string) => Promise<string>;

function runner(workshop: Workshop, store: NetworkStore, port: number): Run {
  const { args: where, env } = commandAt(store.at(port, "repository"));
  return (tool, args, cwd) => workshop.must(tool, [...where, ...args], { env, cwd });
}

/** The outage begins when so many bytes have gone through; true once it is over. */
async function beGone(proxy: TcpProxy, bytes: number, outageMs: number): Promise<boolean> {
  await proxy.carried(bytes);
  await proxy.goDown();
  await sleep(outageMs);
  await proxy.comeBack();
  return true;
}
