/**
 * Servers that lie: each is a program that says what it is told, whatever it is asked.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Backend } from "@tsbak/core";
import { listAll, someRef } from "@tsbak/core/testing";
import { afterAll, afterEach, expect, test } from "vitest";

import { openBackend } from "../open-backend.ts";
import { encodePacket, PACKET, permissions, STATUS, string, uint32, uint64 } from "./packet.ts";

/** Says the bytes of its first argument, then for each request those of the next, with the request's id put in for `IIII`. */
const PROGRAM = `
  const replies = process.argv.slice(2).map((text) => Buffer.from(text, "hex"));
  let rest = Buffer.alloc(0);
  process.stdin.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const packet = rest.subarray(0, 4 + rest.readUInt32BE(0));
      rest = rest.subarray(packet.length);
      const reply = replies.length > 1 || packet[4] === 1 ? replies.shift() : replies[0];
      const at = reply.indexOf("IIII");
      if (at >= 0) packet.copy(reply, at, 5, 9);
      process.stdout.write(reply);
      if (at >= 0 && replies.length === 1) replies[0] = Buffer.from(process.argv.at(-1), "hex");
    }
  });
`;

const ID = Buffer.from("IIII");
const VERSION = encodePacket(PACKET.version, [uint32(3)]);
const HANDLE = encodePacket(PACKET.handle, [ID, string("h")]);
const SIZE_10 = encodePacket(PACKET.attributes, [ID, uint32(1), uint64(10)]);

const folder = mkdtempSync(join(tmpdir(), "tsbak-hostile-"));
writeFileSync(join(folder, "server.cjs"), PROGRAM);
const opened: Backend[] = [];

afterAll(() => rmSync(folder, { recursive: true }));

afterEach(async () => {
  for (const backend of opened.splice(0)) await backend.close?.();
});

async function openStore(...replies: Uint8Array[]): Promise<Backend> {
  const words = replies.map((reply) => `"${Buffer.from(reply).toString("hex")}"`);
  const program = [process.execPath, join(folder, "server.cjs")].map((word) => `"${word}"`);
  const command = [...program, ...words].join(" ");
  const backend = await openBackend("sftp:host:dir", { options: { "sftp.command": command } });
  opened.push(backend);
  return backend;
}

function status(code: number, ...more: Uint8Array[]): Uint8Array {
  return encodePacket(PACKET.status, [ID, uint32(code), ...more]);
}

test.each([
  ["text of a start-up file", Buffer.from("Welcome to host!\n"), "unsupported", "Welcome to host!"],
  ["another version", encodePacket(PACKET.version, [uint32(2)]), "unavailable", "version 2"],
  ["no version", encodePacket(PACKET.status, [ID]), "unavailable", "does not begin"],
  ["an endless packet", Buffer.alloc(8, 255), "unavailable", "SFTP protocol"],
])("a server that greets with %s is refused", async (_, greeting, code, text) => {
  const backend = await openStore(greeting);

  const error = await backend.stat(someRef("key")).catch((reason: unknown) => reason);

  expect(error).toMatchObject({ code });
  expect(String(error)).toContain(text);
});

test.each([
  ["the answer to another request", encodePacket(PACKET.status, [uint32(77), uint32(0)])],
  ["another kind of answer", encodePacket(PACKET.name, [ID, uint32(0)])],
  ["a success where there should be a result", status(STATUS.ok)],
  ["attributes that end too soon", encodePacket(PACKET.attributes, [ID, uint32(1), uint32(1)])],
  ["data that nobody asked for", encodePacket(PACKET.data, [ID, string("abc")])],
  ["an answer without an id", encodePacket(PACKET.status, [])],
  ["an answer that is too long", Buffer.concat([uint32(1 << 30), Buffer.alloc(20)])],
])("a server that sends %s is given up", async (_, reply) => {
  const backend = await openStore(VERSION, reply);

  const error = await backend.stat(someRef("key")).catch((reason: unknown) => reason);

  expect(error).toMatchObject({ code: "unavailable" });
  expect(String(error)).toMatch(/Cannot read key .* from sftp:host:dir: .*SFTP protocol/);
});

test("a read is never longer than what was asked for", async () => {
  const backend = await openStore(
    ...[VERSION, HANDLE],
    encodePacket(PACKET.data, [ID, string(Buffer.alloc(11))]),
  );

  const reading = backend.read(someRef("key"), { offset: 0, length: 10 });

  await expect(reading).rejects.toThrow("more data than were asked for");
});

test("a file that ends before the size that the server tells is unavailable", async () => {
  const backend = await openStore(VERSION, HANDLE, SIZE_10, status(STATUS.endOfFile));

  await expect(backend.read(someRef("key"))).rejects.toMatchObject({ code: "unavailable" });
});

test("a server that sends little by little is asked again for the rest", async () => {
  const piece = encodePacket(PACKET.data, [ID, string("xyz")]);
  const backend = await openStore(...[VERSION, HANDLE, piece, piece, piece, status(STATUS.ok)]);

  const bytes = await backend.read(someRef("key"), { offset: 5, length: 9 });

  expect(Buffer.from(bytes).toString()).toBe("xyzxyzxyz");
});

test("a listing takes names apart, asks for what is not told, and leaves out what is no file", async () => {
  const [known, unknown, link] = [someRef("key"), someRef("key"), someRef("key")];
  const entry = (name: string | Uint8Array, attributes: Uint8Array): Uint8Array =>
    Buffer.concat([string(name), string("long"), attributes]);
  const size = Buffer.concat([uint32(5), uint64(7), uint32(0o100600)]);
  const backend = await openStore(
    ...[VERSION, HANDLE],
    encodePacket(PACKET.name, [
      ...[ID, uint32(4), entry(known.name, size), entry(unknown.name, permissions(undefined))],
      ...[entry(link.name, permissions(0o120777)), entry(Uint8Array.of(255, 0, 10), size)],
    ]),
    status(STATUS.endOfFile),
    // To the closing of the folder, and the question.
    ...[status(STATUS.ok), SIZE_10],
  );

  const files = await listAll(backend, "key");

  expect(files).toEqual([
    { name: known.name, size: 7 },
    { name: unknown.name, size: 10 },
  ]);
});

test("a program that is missing, or ends without a word, is told so", async () => {
  const open = (command: string): Promise<Backend> =>
    openBackend("sftp:host:dir", { options: { "sftp.command": command } });
  const [missing, silent] = [await open("/no/such/ssh secret"), await open("true")];
  opened.push(missing, silent);

  const errors = await Promise.all(
    [missing, silent].map((backend) => backend.create().catch((reason: unknown) => reason)),
  );

  expect(errors).toMatchObject([{ code: "unsupported" }, { code: "unavailable" }]);
  expect(String(errors[0])).toContain("/no/such/ssh cannot be run");
  expect(String(errors)).not.toContain("secret");
});
