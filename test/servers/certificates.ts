import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** PEM files. */
export interface Certificates {
  readonly authority: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  /** A certificate of the same authority for a client, and its key, in one file. */
  readonly client: string;
}

/** An authority of its own in `folder`, and what it certifies: a server on 127.0.0.1, localhost or store.test, and a client. */
export function makeCertificates(folder: string): Certificates {
  const path = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void =>
    void execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    ...["req", "-x509", ...key, "-keyout", "authority.key", "-out", "authority.crt"],
    ...["-days", "2", "-subj", "/CN=Authority of a test"],
  );
  writeFileSync(path("server.ext"), "subjectAltName=DNS:localhost,DNS:store.test,IP:127.0.0.1\n");
  writeFileSync(path("client.ext"), "extendedKeyUsage=clientAuth\n");
  for (const name of ["server", "client"]) {
    const request = ["-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`];
    openssl("req", ...key, ...request);
    openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "authority.crt", "-CAkey", "authority.key"],
      ...["-CAcreateserial", "-days", "2", "-extfile", `${name}.ext`, "-out", `${name}.crt`],
    );
  }
  execFileSync("sh", ["-c", "cat client.crt client.key > client.pem"], { cwd: folder });
  return {
    authority: path("authority.crt"),
    serverCertificate: path("server.crt"),
    serverKey: path("server.key"),
    client: path("client.pem"),
  };
}
