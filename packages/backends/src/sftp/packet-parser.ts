import { FieldReader, garbled, PACKET } from "./packet.ts";

/** Who gets what the parser finds. What these functions throw ends `feed`. */
export interface PacketSink {
  /** A packet: its type, and all after it. The bytes are the sink's to keep. */
  onPacket(type: number, body: Buffer): void;
  /** Where `length` bytes go that answer request `id`; undefined if nobody wants them. */
  placeFor(id: number, length: number): Uint8Array | undefined;
  /** These bytes are there. */
  onData(id: number, length: number): void;
}

/** The longest packet that OpenSSH makes; the server's word for a length must not fill the memory. */
export const LONGEST_PACKET: number = 256 * 1024;
const HEAD = 5;
const DATA_HEAD = 8;

type Stage = "head" | "body" | "data-head" | "data";

/**
 * Cuts the bytes of a connection into packets. Bytes of files go straight to where they are wanted, without being gathered
 * first.
 */
export class PacketParser {
  readonly #sink: PacketSink;
  #stage: Stage = "head";
  #wanted = HEAD;
  #got = 0;
  /** Gathers all but bytes of files. */
  #own: Buffer = Buffer.allocUnsafeSlow(HEAD);
  #place: Uint8Array | undefined = this.#own;
  #type = 0;
  #length = 0;
  #id = 0;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  /**
   * The next bytes, in pieces of any size.
   *
   * @throws {TsbakError} `unavailable` for what is no packet; nothing may be fed afterwards.
   */
  feed(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(this.#wanted - this.#got, chunk.length - at);
      this.#place?.set(chunk.subarray(at, at + count), this.#got);
      this.#got += count;
      at += count;
      while (this.#got === this.#wanted) this.#finish();
    }
  }

  /** Do not touch the place of request `id` any more. */
  forget(id: number): void {
    if (this.#stage === "data" && this.#id === id) this.#place = undefined;
  }

  #gather(stage: Stage, wanted: number): void {
    this.#own = Buffer.allocUnsafeSlow(wanted);
    this.#begin(stage, wanted, this.#own);
  }

  #begin(stage: Stage, wanted: number, place: Uint8Array | undefined): void {
    this.#stage = stage;
    this.#wanted = wanted;
    this.#got = 0;
    this.#place = place;
  }

  #finish(): void {
    const stage = this.#stage;
    const own = this.#own;
    if (stage === "head") return this.#onHead(own);
    if (stage === "data-head") return this.#onDataHead(own);
    this.#gather("head", HEAD);
    if (stage === "body") this.#sink.onPacket(this.#type, own);
    else this.#sink.onData(this.#id, this.#length);
  }

  #onHead(head: Buffer): void {
    this.#length = head.readUInt32BE(0) - 1;
    this.#type = head.readUInt8(4);
    if (this.#length < 0 || this.#length > LONGEST_PACKET) {
      throw garbled(`it sent ${JSON.stringify(head.toString("latin1"))} where a packet begins`);
    }
    if (this.#type !== PACKET.data) {
      return this.#gather("body", this.#length);
    }
    if (this.#length < DATA_HEAD) throw garbled("a packet of data is too short");
    this.#gather("data-head", DATA_HEAD);
  }

  #onDataHead(head: Buffer): void {
    const fields = new FieldReader(head);
    this.#id = fields.uint32();
    const length = fields.uint32();
    if (length !== this.#length - DATA_HEAD) throw garbled("a packet of data has two lengths");
    this.#length = length;
    this.#begin("data", length, this.#sink.placeFor(this.#id, length));
  }
}
