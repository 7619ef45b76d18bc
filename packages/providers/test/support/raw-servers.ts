import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { generate } from "selfsigned";
import { onTestFinished } from "vitest";

/** A bare TCP server: for what an HTTP server would never do. */
export async function startTcp(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A port at which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A certificate that nobody vouches for, and its key, as PEM. */
export async function certificateFor(altName: { type: 2; value: string } | { type: 7; ip: string }) {
  const pem = await generate([{ name: "commonName", value: "evergrant test" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [altName] },
    ],
  });
  return { cert: pem.cert, key: pem.private };
}
