import { openStore, type BackendSettings } from "@tsbak/backends";
import { Traffic, type Backend, type RetryNotice, type WrapOptions } from "@tsbak/core";
import type { Context } from "./context.ts";
import { setting, type Environment } from "./environment.ts";
import { formatCount } from "./format-text.ts";
import { parseStoreOptions } from "./store-options.ts";
import { VERSION } from "./version.ts";

/**
 * The store at `location`, reached and treated as flags and environment say; it is closed when the command ends. They are
 * the same for the repository and that of `--from-repo`, as in restic.
 *
 * @throws {TsbakError} what `openStore` throws; `invalid-argument` for options that cannot be read.
 */
export async function openStoreFor(context: Context, location: string): Promise<Backend> {
  const traffic = new Traffic();
  const settings = backendSettings(context);
  const backend = await openStore(location, settings, treatmentOf(context, traffic));
  context.traffic.push(traffic);
  context.atEnd(async () => backend.close?.());
  return backend;
}

/** How flags and environment say that a store is reached. */
export function backendSettings({ globals, environment, output }: Context): BackendSettings {
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

function treatmentOf(context: Context, traffic: Traffic): WrapOptions {
  const { limitUpload, limitDownload, stuckRequestTimeout, retryTime } = context.globals;
  return {
    traffic,
    bandwidth: { upload: limitUpload || undefined, download: limitDownload || undefined },
    stuckMs: stuckRequestTimeout,
    retry: { giveUpAfterMs: retryTime, onRetry: (notice) => reportRetry(context, notice) },
  };
}

/** To stderr however quiet the command is, as in restic: somebody should know that a store is failing. */
function reportRetry({ output }: Context, notice: RetryNotice): void {
  if (notice.kind === "recovered") {
    const message = `${notice.call}: successful after ${formatCount(notice.retries, "retry", "retries")}`;
    return output.warnMessage(message, { message_type: "retry", message });
  }
  const { message } = notice.error;
  const seconds = Number((notice.delayMs / 1000).toFixed(1));
  output.warnMessage(`${message}; retrying after ${seconds}s`, {
    message_type: "retry",
    message,
    retry_after: seconds,
  });
}
