import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { generate } from "selfsigned";
import { describe, expect, onTestFinished, test } from "vitest";
import { CLIENT_ID, CLIENT_SECRET, descriptorAt, openClient, REFRESH_TOKEN } from "./support/refresh-at.ts";
import { reply, startTokenEndpoint } from "./support/token-endpoint.ts";
import { until } from "./support/until.ts";

const ANSWER_TIMEOUT_MS = 1_500;
const TOKENS = { access_token: "access-2", refresh_token: "refresh-2", expires_in: 1800 };
const credentials = { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, refreshToken: REFRESH_TOKEN };
const requestAt = (tokenUrl: string, answerTimeoutMs = 10_000) => ({
  ...credentials,
  descriptor: descriptorAt(tokenUrl, { answerTimeoutMs }),
});

/** A bare TCP server: for what an HTTP server would never do. */
async function startTcp(onConnection: (socket: Socket) => void): Promise<number> {
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

const certificateFor = (altName: { type: 2; value: string } | { type: 7; ip: string }) =>
  generate([{ name: "commonName", value: "evergrant test" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [altName] },
    ],
  });

describe("a request that was certainly never sent is told apart", () => {
  test("connection refused", async () => {
    const answer = await openClient().ask(requestAt(`http://127.0.0.1:${await freePort()}/token`));
    expect(answer).toEqual({ kind: "none", sent: false, code: "ECONNREFUSED" });
  });

  test("a name that does not resolve", async () => {
    // Longer than any label may be: the resolver refuses it without asking anyone.
    const answer = await openClient().ask(requestAt(`https://${"n".repeat(64)}.localhost/token`));
    expect(answer).toEqual({ kind: "none", sent: false, code: expect.stringMatching(/^E[A-Z]+$/) });
  });

  test("a certificate that nobody vouches for, and trust in it once it is named", async () => {
    const { cert, private: key } = await certificateFor({ type: 7, ip: "127.0.0.1" });
    const endpoint = await startTokenEndpoint(reply(200, TOKENS), { cert, key });
    const refused = await openClient().ask(requestAt(endpoint.url));
    expect(refused).toEqual({ kind: "none", sent: false, code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(endpoint.requests).toHaveLength(0);

    const trusted = await openClient({ tls: { ca: cert } }).ask(requestAt(endpoint.url));
    expect(trusted).toMatchObject({ kind: "http", status: 200 });
  });

  test("a certificate for another host", async () => {
    const { cert, private: key } = await certificateFor({ type: 2, value: "elsewhere.localhost" });
    const endpoint = await startTokenEndpoint(reply(200, TOKENS), { cert, key });
    const answer = await openClient({ tls: { ca: cert } }).ask(requestAt(endpoint.url));
    expect(answer).toEqual({ kind: "none", sent: false, code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    expect(endpoint.requests).toHaveLength(0);
  });

  test("TLS asked of a server that speaks none", async () => {
    const endpoint = await startTokenEndpoint(reply(200, TOKENS));
    const answer = await openClient().ask(requestAt(endpoint.url.replace("http:", "https:")));
    expect(answer).toMatchObject({ kind: "none", sent: false });
  });

  test("a connection cut during the TLS handshake", async () => {
    const port = await startTcp((socket) => socket.once("data", () => socket.destroy()));
    const answer = await openClient().ask(requestAt(`https://127.0.0.1:${port}/token`));
    expect(answer).toMatchObject({ kind: "none", sent: false });
  });

  test("a client that was closed", async () => {
    const client = openClient();
    await client.close();
    const answer = await client.ask(requestAt("http://127.0.0.1:1/token"));
    expect(answer).toEqual({ kind: "none", sent: false, code: "CLIENT_CLOSED" });
  });

  test("a descriptor that makes no request", async () => {
    const bad = {
      ...credentials,
      descriptor: descriptorAt("http://127.0.0.1/", { requestHeaders: { "x-a": "b\r\nc" } }),
    };
    expect(await openClient().ask(bad)).toMatchObject({ kind: "none", sent: false });
    expect(await openClient().ask({ ...bad, descriptor: descriptorAt("no url") })).toMatchObject({ sent: false });
  });
});

describe("once a request may have been seen, its loss is said to be one", () => {
  test.each<[string, (socket: Socket) => void]>([
    ["reset", (socket) => socket.resetAndDestroy()],
    ["closed", (socket) => socket.end()],
    ["answered in another language", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
  ])("%s after the request was read", async (_name, onRequest) => {
    let received = "";
    const port = await startTcp((socket) => {
      socket.on("data", (chunk) => {
        received += chunk;
        if (received.includes(REFRESH_TOKEN)) onRequest(socket);
      });
    });
    const answer = await openClient().ask(requestAt(`http://127.0.0.1:${port}/token`));
    expect(answer).toEqual({ kind: "none", sent: true, code: expect.stringMatching(/^[A-Z]/) });
    expect(received.match(/POST /g)).toHaveLength(1);
  });

  test("headers without end are cut off", async () => {
    const port = await startTcp((socket) => {
      socket.once("data", () => socket.write(`HTTP/1.1 200 OK\r\nx-long: ${"x".repeat(200_000)}\r\n\r\n{}`));
    });
    const answer = await openClient().ask(requestAt(`http://127.0.0.1:${port}/token`));
    expect(answer).toEqual({ kind: "none", sent: true, code: "UND_ERR_HEADERS_OVERFLOW" });
  });

  test("a kept connection that dies under the second request never sends it again", async () => {
    let received = "";
    const port = await startTcp((socket) => {
      let requests = 0;
      socket.on("data", (chunk) => {
        received += chunk;
        if (!received.endsWith(REFRESH_TOKEN)) return;
        requests += 1;
        if (requests > 1) socket.resetAndDestroy();
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}");
      });
    });
    const client = openClient({ connectionsPerOrigin: 1 });
    const request = requestAt(`http://127.0.0.1:${port}/token`);
    expect(await client.ask(request)).toMatchObject({ kind: "http", status: 200 });
    expect(await client.ask(request)).toMatchObject({ kind: "none", sent: true });
    expect(received.match(/POST /g)).toHaveLength(2);
  });

  test("kept connections that the server closes meanwhile: every token arrives once at most", async () => {
    const endpoint = await startTokenEndpoint((response) => {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      // Says keep-alive and hangs up all the same.
      setImmediate(() => response.socket?.destroy());
    });
    const client = openClient({ connectionsPerOrigin: 1 });
    for (let round = 1; round <= 50; round++) {
      const refreshToken = `token-${round}`;
      const answer = await client.ask({ ...requestAt(endpoint.url), refreshToken });
      const arrived = endpoint.requests.filter((request) => request.form.get("refresh_token") === refreshToken).length;
      expect(arrived).toBeLessThanOrEqual(1);
      if (answer.kind === "http") expect(arrived).toBe(1);
      else if (!answer.sent) expect(arrived).toBe(0);
    }
  });
});

describe("a hung endpoint", () => {
  test("ends as ambiguous when the answer's time is over, and nobody else waits for it", async () => {
    const hung: ServerResponse[] = [];
    const slow = await startTokenEndpoint((response, request) => {
      if (request.form.get("refresh_token") === "hangs") hung.push(response);
      else reply(200, TOKENS)(response, request, response.req);
    });
    const other = await startTokenEndpoint(reply(200, TOKENS));
    const client = openClient();

    const startedAt = performance.now();
    let isOver = false;
    const lost = client.ask({ ...requestAt(slow.url, ANSWER_TIMEOUT_MS), refreshToken: "hangs" }).finally(() => {
      isOver = true;
    });
    await until(() => hung.length === 1);
    const [same, elsewhere] = await Promise.all([client.ask(requestAt(slow.url)), client.ask(requestAt(other.url))]);
    expect(same).toMatchObject({ kind: "http", status: 200 });
    expect(elsewhere).toMatchObject({ kind: "http", status: 200 });
    expect(isOver).toBe(false);

    expect(await lost).toEqual({ kind: "none", sent: true, code: "ANSWER_TIMEOUT" });
    expect(performance.now() - startedAt).toBeGreaterThan(ANSWER_TIMEOUT_MS * 0.95);
  });

  test("a full house at one origin leaves another origin its own connections", async () => {
    const full = await startTokenEndpoint(() => {});
    const other = await startTokenEndpoint(reply(200, TOKENS));
    const client = openClient({ connectionsPerOrigin: 2 });
    const waiting = [1, 2, 3, 4].map(() => client.ask(requestAt(full.url, 400)));
    await until(() => full.requests.length === 2);
    expect(await client.ask(requestAt(other.url))).toMatchObject({ kind: "http", status: 200 });
    expect(await Promise.all(waiting)).toEqual(Array(4).fill({ kind: "none", sent: true, code: "ANSWER_TIMEOUT" }));
    expect(full.requests).toHaveLength(4);
  });
});

describe("close", () => {
  test("waits for the answers that are under way: a sent request is never cancelled", async () => {
    const pending: ServerResponse[] = [];
    const endpoint = await startTokenEndpoint((response) => pending.push(response));
    const client = openClient({ connectionsPerOrigin: 1 });
    const answers = [client.ask(requestAt(endpoint.url)), client.ask(requestAt(endpoint.url))];
    await until(() => pending.length === 1);
    let isClosed = false;
    const closing = client.close().then(() => {
      isClosed = true;
    });
    for (let index = 0; index < 2; index++) {
      await until(() => pending.length === index + 1);
      expect(isClosed).toBe(false);
      pending[index]?.end(JSON.stringify(TOKENS));
      expect(await answers[index]).toMatchObject({ kind: "http", status: 200 });
    }
    await closing;
    await client.close();
  });

  test("waits for a request too that runs where another found no connection", async () => {
    const { cert, private: key } = await certificateFor({ type: 7, ip: "127.0.0.1" });
    const pending: ServerResponse[] = [];
    const endpoint = await startTokenEndpoint((response) => pending.push(response), { cert, key, cutsFirst: true });
    const client = openClient({ connectionsPerOrigin: 2, tls: { ca: cert } });
    const order: string[] = [];
    const answers = [1, 2, 3].map(async () => {
      const answer = await client.ask(requestAt(endpoint.url));
      order.push(answer.kind === "http" ? "answered" : "never sent");
    });
    await until(() => pending.length === 2 && order.length === 1);
    const closing = client.close().then(() => order.push("closed"));
    await new Promise((resolve) => setImmediate(resolve));
    for (const response of pending) response.end(JSON.stringify(TOKENS));
    await Promise.all([closing, ...answers]);
    expect(order).toEqual(["never sent", "answered", "answered", "closed"]);
  });

  test("leaves no connection behind", async () => {
    let open = 0;
    const port = await startTcp((socket) => {
      open += 1;
      socket.on("close", () => {
        open -= 1;
      });
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"));
    });
    const client = openClient();
    await client.ask(requestAt(`http://127.0.0.1:${port}/token`));
    expect(open).toBe(1);
    await client.close();
    await until(() => open === 0);
  });
});

test("connections are kept: refreshes in a row share one", async () => {
  const ports = new Set<number | undefined>();
  const endpoint = await startTokenEndpoint((response, request, raw) => {
    ports.add(raw.socket.remotePort);
    reply(200, TOKENS)(response, request, raw);
  });
  const client = openClient({ connectionsPerOrigin: 1 });
  for (let round = 0; round < 5; round++) await client.ask(requestAt(endpoint.url));
  expect(ports.size).toBe(1);
});
