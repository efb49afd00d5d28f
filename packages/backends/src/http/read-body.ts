import type { Readable } from "node:stream";

import type { OnBytes } from "@tsbak/core";

import { PieceReport } from "./piece-report.ts";
import type { ResponseBody } from "./response-body.ts";

/**
 * Read a stream to its end. Each piece is copied as it comes, which takes half of the time of a loop over the stream: that would put pieces
 * together first.
 *
 * @throws {unknown} What the stream, `body` or `onBytes` fails with; an error that says so if the stream was cut. It may then be read from still.
 */
export function readBody(
  incoming: Readable,
  body: ResponseBody,
  onBytes: OnBytes | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const report = new PieceReport(incoming, onBytes);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      // Lent memory is not touched any more.
      incoming.removeAllListeners("data");
      reject(error);
    };
    let hasEnded = false;
    incoming.on("error", fail);
    incoming.on("close", () => hasEnded || fail(new Error("the connection was cut")));
    incoming.on("data", (piece: Uint8Array) => {
      try {
        body.add(piece);
        report.tell(piece.length, fail);
      } catch (error) {
        fail(error);
      }
    });
    incoming.on("end", () => {
      hasEnded = true;
      report
        .released()
        .then(() => body.finish())
        .then(resolve, fail);
    });
  });
}
