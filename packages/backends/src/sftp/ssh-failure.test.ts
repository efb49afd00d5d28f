import { expect, test } from "vitest";

import { sshFailure } from "./ssh-failure.ts";

const failed = { exitCode: 255, error: undefined };

// What OpenSSH prints.
test.each([
  ["denied", ["Host key verification failed."]],
  ["denied", ["No ED25519 host key is known for host and you have requested strict checking."]],
  ["denied", ['Load key "k": bad permissions', "me@host: Permission denied (publickey,password)."]],
  ["denied", ["Received disconnect from host port 22:2: Too many authentication failures"]],
  ["unavailable", ["ssh: Could not resolve hostname host: Name or service not known"]],
  ["unavailable", ["ssh: connect to host host port 22: Connection refused"]],
  ["unavailable", ["ssh: connect to host host port 22: Connection timed out"]],
  ["unavailable", ["kex_exchange_identification: Connection closed by remote host"]],
  ["unsupported", ["subsystem request failed on channel 0"]],
  ["unsupported", ["Unable to negotiate with host port 22: no matching host key type found."]],
  ["invalid-argument", ["config: line 1: Bad configuration option: foo"]],
  ["invalid-argument", ["Bad owner or permissions on /root/.ssh/config"]],
])("sshFailure() is %s after %j", (code, lines) => {
  const error = sshFailure(lines, failed, { program: "ssh", wasConnected: false });

  expect(error.code).toBe(code);
  expect(error.message).toContain(lines.at(-1)?.replace(/\.$/, ""));
});

test("sshFailure() says that a program is missing", () => {
  const end = { exitCode: 127, error: undefined };

  const error = sshFailure(["sh: 1: nossh: not found"], end, {
    program: "nossh",
    wasConnected: false,
  });

  expect(error).toMatchObject({ code: "unsupported" });
  expect(error.message).toContain("nossh cannot be run");
});

test("sshFailure() of a connection that stood is unavailable, whatever was printed before", () => {
  const lines = ["Permission denied, please try again.", "Timeout, server host not responding."];

  const error = sshFailure(lines, failed, { program: "ssh", wasConnected: true });

  expect(error).toMatchObject({ code: "unavailable" });
  expect(error.message).toContain("Timeout, server host not responding");
});
