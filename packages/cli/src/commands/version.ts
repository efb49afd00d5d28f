import type { Context } from "../context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { VERSION } from "../version.ts";

/** Go's name for an architecture, which readers of restic's message expect. */
const GO_ARCH: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/** `version`. */
export async function runVersion({ output }: Context): Promise<ExitCode> {
  const { platform, arch } = process;
  const runtime = `node${process.versions.node}`;
  output.say(`tsbak ${VERSION} with Node.js ${process.versions.node} on ${platform}/${arch}`);
  output.message({
    message_type: "version",
    version: VERSION,
    go_version: runtime,
    go_os: platform,
    go_arch: GO_ARCH[arch] ?? arch,
  });
  return EXIT.ok;
}
