import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startTcpProxy, type TcpProxy } from "../../src/net/index.ts";

/** A server that remembers what it got and answers each piece in capitals. */
let server: Server;
let received: string;
let sessions: Socket[];
let proxy: TcpProxy;

beforeEach(async () => {
  received = "";
  sessions = [];
  server = createServer((socket) => {
    sessions.push(socket);
    socket.on("error", () => {});
    socket.on("data", (data) => {
      received += data.toString();
      socket.write(data.toString().toUpperCase());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  proxy = await startTcpProxy({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
});
afterEach(async () => {
  await proxy.restore();
  await proxy.cut();
  for (const session of sessions) session.destroy();
  server.close();
});

async function open(): Promise<{ socket: Socket; said: () => string }> {
  const socket = connect(proxy.port, "127.0.0.1");
  socket.on("error", () => {});
  let said = "";
  socket.on("data", (data) => {
    said += data.toString();
  });
  await once(socket, "connect");
  return { socket, said: () => said };
}

test("what a client sent before it died reaches the server before its end does", async () => {
  const { socket } = await open();
  socket.end("last words");
  await proxy.emptied();
  expect(received).toBe("last words");
});

test("an answer can be withheld: the server has carried out what the client never hears of", async () => {
  const end = proxy.watch(({ from, greeting }) =>
    from === "server" && greeting.toString() === "settle" ? "hold" : undefined,
  );
  const [heard, withheld] = [await open(), await open()];
  heard.socket.write("claim");
  withheld.socket.write("settle");
  await vi.waitFor(() => expect(received).toHaveLength("claimsettle".length));
  await vi.waitFor(() => expect(heard.said()).toBe("CLAIM"));
  expect(withheld.said()).toBe("");
  end();
  withheld.socket.write("!");
  await vi.waitFor(() => expect(received).toContain("!"));
  expect(withheld.said()).toBe("");
  await proxy.restore();
  await vi.waitFor(() => expect(withheld.said()).toBe("SETTLE!"));
});

test("what was held back can be lost: it never arrives, and only its connection ends", async () => {
  const end = proxy.watch(({ data }) => (data.toString() === "done" ? "hold" : undefined));
  const [silenced, other] = [await open(), await open()];
  silenced.socket.write("done");
  other.socket.write("one");
  await vi.waitFor(() => expect(other.said()).toBe("ONE"));
  end();
  const ended = once(silenced.socket, "close");
  proxy.lose();
  await ended;
  await proxy.restore();
  other.socket.write("two");
  await vi.waitFor(() => expect(other.said()).toBe("ONETWO"));
  expect(received).toBe("onetwo");
});

test("a severed connection ends on both sides, and the next one works", async () => {
  const { socket } = await open();
  socket.write("one");
  await vi.waitFor(() => expect(received).toBe("one"));
  expect(proxy.serverSidePorts()).toEqual([sessions[0]?.remotePort]);
  proxy.sever();
  await Promise.all([once(socket, "close"), proxy.emptied()]);
  expect(proxy.serverSidePorts()).toEqual([]);
  const next = await open();
  next.socket.write("two");
  await vi.waitFor(() => expect(next.said()).toBe("TWO"));
});

test("a silent proxy passes nothing on until it is restored, and a cut one refuses", async () => {
  const { socket, said } = await open();
  proxy.silence();
  socket.write("hello");
  const later = await open();
  later.socket.write("late");
  await proxy.restore();
  await vi.waitFor(() => expect([said(), later.said()]).toEqual(["HELLO", "LATE"]));
  await proxy.cut();
  const refused = connect(proxy.port, "127.0.0.1");
  const [error] = await once(refused, "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
});
