import { openBackend, type BackendSettings } from "@tsbak/backends";
import type { Backend } from "@tsbak/core";
import type { Context } from "./context.ts";
import { setting, type Environment } from "./environment.ts";
import { parseStoreOptions } from "./store-options.ts";
import { VERSION } from "./version.ts";

/**
 * The store at `location`, reached as flags and environment say; it is closed when the command ends. Flags and
 * environment are the same for the repository and that of `--from-repo`, as in restic.
 *
 * @throws {TsbakError} what `openBackend` throws; `invalid-argument` for options that cannot be read.
 */
export async function openStore(context: Context, location: string): Promise<Backend> {
  const backend = await openBackend(location, backendSettings(context));
  context.atEnd(async () => backend.close?.());
  return backend;
}

function backendSettings({ globals, environment, output }: Context): BackendSettings {
  return {
    options: parseStoreOptions(globals.option ?? []),
    environment: withOurNames(environment),
    tls: {
      authorityFiles: (globals.cacert ?? [setting(environment, "CACERT") ?? ""])
        .flatMap((list) => list.split(","))
        .filter((file) => file !== ""),
      clientCertificateFile: globals.tlsClientCert ?? setting(environment, "TLS_CLIENT_CERT"),
      isInsecure: globals.insecureTls ?? false,
    },
    userAgent:
      globals.httpUserAgent ?? setting(environment, "HTTP_USER_AGENT") ?? `tsbak/${VERSION}`,
    onNotice: (line) => output.warn(line),
  };
}

/** Stores know restic's names only: what is set under ours goes before it. */
function withOurNames(environment: Environment): Environment {
  const ours = Object.entries(environment).flatMap(([name, value]) =>
    name.startsWith("TSBAK_") && value ? [[name.replace("TSBAK_", "RESTIC_"), value]] : [],
  );
  return { ...environment, ...Object.fromEntries(ours) };
}
