import { SftpClient } from "./client.ts";
import { SftpSession } from "./session.ts";
import type { SftpCommand } from "./ssh-command.ts";
import { sshFailure } from "./ssh-failure.ts";
import { SshProcess } from "./ssh-process.ts";

/** One channel to the server: a process, and what is spoken with it. */
export class Line {
  readonly session: SftpSession;
  readonly client: SftpClient;
  /** Calls under way that move many bytes. */
  transfers = 0;
  readonly #process: SshProcess;

  constructor(command: SftpCommand, onNotice: (line: string) => void) {
    this.#process = new SshProcess(command, onNotice);
    this.session = new SftpSession(this.#process.output, this.#process.input);
    this.client = new SftpClient(this.session);
    // Whoever forgets to close the store must not wait for ever at the end.
    this.session.onBusy = (isBusy) => this.#process.setAlive(isBusy);
    void this.#watchEnd(command.program);
    void this.#learnLimits();
  }

  /** End the process. Resolves when it is gone; may be repeated. */
  async close(): Promise<void> {
    // It may be asking for a password, and would not notice that nobody waits.
    if (!this.session.isReady) this.#process.kill();
    await this.#process.close();
  }

  async #watchEnd(program: string): Promise<void> {
    const end = await this.#process.ended;
    const wasConnected = this.session.isReady;
    this.session.fail(sshFailure(this.#process.lines, end, { program, wasConnected }));
  }

  /** Nobody waits for it: until it is answered, the limits that every server has are kept. */
  async #learnLimits(): Promise<void> {
    try {
      await this.session.ready;
      await this.client.learnLimits();
    } catch {
      // The calls that wait for this channel are told.
    }
  }
}
