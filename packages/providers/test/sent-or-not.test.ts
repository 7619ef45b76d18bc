import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { certificateFor, freePort, startTcp } from "./support/raw-servers.ts";
import { descriptorAt, openClient, REFRESH_TOKEN, requestAt } from "./support/refresh-at.ts";
import { reply, startTokenEndpoint } from "./support/token-endpoint.ts";

const TOKENS = { access_token: "access-2", refresh_token: "refresh-2", expires_in: 1800 };

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
    const { cert, key } = await certificateFor({ type: 7, ip: "127.0.0.1" });
    const endpoint = await startTokenEndpoint(reply(200, TOKENS), { cert, key });
    const refused = await openClient().ask(requestAt(endpoint.url));
    expect(refused).toEqual({ kind: "none", sent: false, code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(endpoint.requests).toHaveLength(0);

    const trusted = await openClient({ tls: { ca: cert } }).ask(requestAt(endpoint.url));
    expect(trusted).toMatchObject({ kind: "http", status: 200 });
  });

  test("a certificate for another host", async () => {
    const { cert, key } = await certificateFor({ type: 2, value: "elsewhere.localhost" });
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
      ...requestAt("http://127.0.0.1/"),
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
    const client = openClient({ connectionsPerApp: 1 });
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
    const client = openClient({ connectionsPerApp: 1 });
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
