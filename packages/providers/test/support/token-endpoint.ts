import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly form: URLSearchParams;
}

export interface TokenEndpoint {
  readonly url: string;
  /** Every request that arrived whole, in order. */
  readonly requests: readonly ReceivedRequest[];
}

/** Answers one request; it may as well leave it unanswered or break off. */
export type Respond = (response: ServerResponse, request: ReceivedRequest, raw: IncomingMessage) => void;

/**
 * A real HTTP server (HTTPS with a certificate) on loopback, closed when the test ends.
 *
 * @param tls `cutsFirst`: hangs up on the first connection before the handshake
 */
export async function startTokenEndpoint(
  respond: Respond,
  tls?: { readonly cert: string; readonly key: string; readonly cutsFirst?: boolean },
): Promise<TokenEndpoint> {
  const requests: ReceivedRequest[] = [];
  const listener = async (raw: IncomingMessage, response: ServerResponse) => {
    const form = new URLSearchParams(await text(raw));
    const request = { method: raw.method ?? "", path: raw.url ?? "", headers: raw.headers, form };
    requests.push(request);
    respond(response, request, raw);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  if (tls?.cutsFirst === true) server.once("connection", (socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  return { url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/token`, requests };
}

/** An answer of the given status and body; an object is sent as JSON. */
export function reply(status: number, body: unknown, headers: Record<string, string> = {}): Respond {
  const isText = typeof body === "string";
  return (response) => {
    response.writeHead(status, { "content-type": isText ? "text/html" : "application/json", ...headers });
    response.end(isText ? body : JSON.stringify(body));
  };
}
