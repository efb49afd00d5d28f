import { once } from "node:events";
import { expect, test } from "vitest";
import { CommandStream } from "./command-stream.ts";

function start(words: readonly string[], signal = new AbortController().signal) {
  const messages: string[] = [];
  const command = new CommandStream(words, { signal, onMessage: (line) => messages.push(line) });
  return { command, messages };
}

async function read(command: CommandStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of command.stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("CommandStream gives what a program prints, without a shell and without input", async () => {
  const { command } = start(["sh", "-c", 'printf "%s|" "$@"; cat', "sh", "a b", "$HOME", "*"]);

  expect(await read(command)).toBe("a b|$HOME|*|");
});

test("CommandStream passes on what a program writes to stderr, line by line", async () => {
  const { command, messages } = start(["sh", "-c", "echo one >&2; printf two >&2; echo out"]);

  expect(await read(command)).toBe("out\n");
  expect(messages).toEqual(["subprocess sh: one", "subprocess sh: two"]);
});

test.each([
  ["an exit code", ["sh", "-c", "echo out; exit 3"], "it failed with exit code 3"],
  ["a signal", ["sh", "-c", "echo out; kill -KILL $$"], "it was ended by SIGKILL"],
  ["a program that is not there", ["/does/not/exist"], "there is no such program"],
])("CommandStream fails for %s, whatever was printed before", async (_, words, reason) => {
  const { command } = start(words);

  await expect(read(command)).rejects.toThrow(
    `Cannot back up the output of ${words[0]}: ${reason}; no snapshot was made`,
  );
});

test("CommandStream ends the program when the signal is aborted", async () => {
  const controller = new AbortController();
  const { command } = start(["sh", "-c", "echo $$; exec sleep 1000"], controller.signal);
  const [pid] = (await once(command.stream, "data")) as [Buffer];

  controller.abort();
  await command.close();

  expect(isRunning(Number(pid.toString()))).toBe(false);
});

test("CommandStream.close() ends a program of whose output nobody wants more", async () => {
  const { command } = start(["sh", "-c", "echo $$; exec yes"]);
  const [first] = (await once(command.stream, "data")) as [Buffer];

  await command.close();

  expect(isRunning(parseInt(first.toString(), 10))).toBe(false);
});
