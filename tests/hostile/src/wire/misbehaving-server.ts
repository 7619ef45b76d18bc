import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { WireScript } from "./wire-case.ts";

/** A TCP server that knows just enough HTTP to tell requests apart. */
export interface MisbehavingServer {
  /** Where a request is answered by this script. */
  expect(script: WireScript): ExpectedRequest;
  close(): Promise<void>;
}

export interface ExpectedRequest {
  readonly url: string;
  /** Requests that arrived here whole. */
  readonly requests: () => number;
  /** Whether all of the script was written, to a connection that was open for it. */
  readonly isAnswered: () => boolean;
}

export async function startMisbehavingServer(): Promise<MisbehavingServer> {
  const scripts = new Map<string, Expected>();
  const sockets = new Set<Socket>();
  let lastPath = 0;

  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    let received = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let request = takeRequest(received); request !== null; request = takeRequest(received)) {
        received = received.subarray(request.bytes);
        const expected = scripts.get(request.path);
        if (expected === undefined) socket.destroy();
        else {
          expected.requests += 1;
          void play(socket, expected);
        }
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  return {
    expect(script) {
      lastPath += 1;
      const path = `/${lastPath}`;
      const expected: Expected = { script, requests: 0, isAnswered: false };
      scripts.set(path, expected);
      return {
        url: `http://127.0.0.1:${port}${path}`,
        requests: () => expected.requests,
        isAnswered: () => expected.isAnswered,
      };
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

interface Expected {
  readonly script: WireScript;
  requests: number;
  isAnswered: boolean;
}

/** The first whole request of what was received; null when there is none yet. */
function takeRequest(received: Buffer): { readonly path: string; readonly bytes: number } | null {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const head = received.subarray(0, headEnd).toString("latin1");
  const bodyBytes = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
  const bytes = headEnd + 4 + bodyBytes;
  const path = head.split(" ", 2)[1] ?? "";
  return received.length < bytes ? null : { path, bytes };
}

async function play(socket: Socket, expected: Expected): Promise<void> {
  const { pieces, ending } = expected.script;
  for (const [index, piece] of pieces.entries()) {
    // Reset meanwhile, or ended by the answer before.
    if (!socket.writable) return;
    socket.write(piece, "latin1");
    expected.isAnswered = index === pieces.length - 1;
    await nextTurn();
  }
  if (ending === "end") socket.end();
  if (ending === "reset") socket.resetAndDestroy();
}
