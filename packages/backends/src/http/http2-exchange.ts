import { constants } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";

import { throwIfAborted, TsbakError } from "@tsbak/core";

import { PieceReport } from "./piece-report.ts";
import { contentLength, ResponseBody } from "./response-body.ts";
import { sendBody } from "./send-body.ts";
import type { HttpRequest, HttpResponse } from "./transport.ts";

/**
 * One request and its response as a stream of an HTTP/2 session. Rejects with what the stream tells, or the session.
 *
 * @throws {TsbakError} `unavailable` if the response is not complete; `interrupted` if the signal is aborted.
 */
export function exchangeOverHttp2(
  session: ClientHttp2Session,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { method, path, headers, body, signal } = request;
  throwIfAborted(signal);
  const stream = session.request(
    {
      ":method": method,
      ":path": path,
      ...headers,
      ...(method === "POST" ? { "content-length": String(body?.length ?? 0) } : {}),
    },
    { endStream: method !== "POST" },
  );
  return new Promise<HttpResponse>((resolve, reject) => {
    const fail = (error: unknown): void => {
      // What comes after this must not be put in lent memory.
      stream.removeAllListeners("data");
      stream.close(constants.NGHTTP2_CANCEL);
      stream.destroy();
      reject(error as Error);
    };
    const stop = (): void => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        fail(error);
      }
    };
    signal?.addEventListener("abort", stop, { once: true });
    stream.once("close", () => signal?.removeEventListener("abort", stop));
    receive(stream, request).then(resolve, fail);
    if (method === "POST") sendBody(stream, body, request.onBytes);
  });
}

/** Resolves when the stream has ended both ways, or the response is a refusal, after which the rest is of no interest. */
function receive(
  stream: ClientHttp2Stream,
  { method, into, onBytes }: HttpRequest,
): Promise<HttpResponse> {
  const report = new PieceReport(stream, onBytes);
  return new Promise((resolve, reject) => {
    /** Run in an event of the stream what may throw. */
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        reject(error as Error);
      }
    };
    let finish = (): HttpResponse => {
      throw cut();
    };
    stream.once("response", (headers: IncomingHttpHeaders & { ":status"?: number }) => {
      const status = headers[":status"] ?? 0;
      if (status < 200 || status > 299) {
        resolve({ status, headers, body: new Uint8Array(0) });
        stream.resume();
        if (!stream.writableFinished) stream.close(constants.NGHTTP2_NO_ERROR);
        return;
      }
      attempt(() => {
        const body = new ResponseBody(method === "HEAD" ? 0 : contentLength(headers), into);
        finish = () => ({ status, headers, body: body.finish() });
        // Not sooner: Node may tell of data before it tells of the response.
        stream.on("data", (piece: Uint8Array) =>
          attempt(() => {
            body.add(piece);
            report.tell(piece.length, reject);
          }),
        );
      });
    });
    stream.on("error", reject);
    stream.once("close", () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) reject(cut());
      else report.released().then(finish).then(resolve, reject);
    });
  });
}

function cut(): TsbakError {
  return new TsbakError("unavailable", "the connection was cut");
}
