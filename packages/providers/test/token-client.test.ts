import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { certificateFor, startTcp } from "./support/raw-servers.ts";
import { openClient, requestAt } from "./support/refresh-at.ts";
import { reply, startTokenEndpoint } from "./support/token-endpoint.ts";
import { until } from "./support/until.ts";

const ANSWER_TIMEOUT_MS = 1_500;
const TOKENS = { access_token: "access-2", refresh_token: "refresh-2", expires_in: 1800 };

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
    const client = openClient({ connectionsPerApp: 2 });
    const waiting = [1, 2, 3, 4].map(() => client.ask(requestAt(full.url, 400)));
    await until(() => full.requests.length === 2);
    expect(await client.ask(requestAt(other.url))).toMatchObject({ kind: "http", status: 200 });
    expect(await Promise.all(waiting)).toEqual(Array(4).fill({ kind: "none", sent: true, code: "ANSWER_TIMEOUT" }));
    expect(full.requests).toHaveLength(4);
  });
});

test("a full house of one app leaves another app at the same endpoint its own connections", async () => {
  let isHung = true;
  const endpoint = await startTokenEndpoint((...exchange) => {
    if (!isHung) reply(200, TOKENS)(...exchange);
  });
  const client = openClient({ connectionsPerApp: 2 });
  const waiting = [1, 2, 3].map(() => client.ask(requestAt(endpoint.url, 400)));
  await until(() => endpoint.requests.length === 2);
  isHung = false;
  const answer = await client.ask({ ...requestAt(endpoint.url), clientId: "another app" });
  expect(answer).toMatchObject({ kind: "http", status: 200 });
  expect(endpoint.requests).toHaveLength(3);
  await Promise.all(waiting);
});

describe("close", () => {
  test("waits for the answers that are under way: a sent request is never cancelled", async () => {
    const pending: ServerResponse[] = [];
    const endpoint = await startTokenEndpoint((response) => pending.push(response));
    const client = openClient({ connectionsPerApp: 1 });
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
    const { cert, key } = await certificateFor({ type: 7, ip: "127.0.0.1" });
    const pending: ServerResponse[] = [];
    const endpoint = await startTokenEndpoint((response) => pending.push(response), { cert, key, cutsFirst: true });
    const client = openClient({ connectionsPerApp: 2, tls: { ca: cert } });
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
  const client = openClient({ connectionsPerApp: 1 });
  for (let round = 0; round < 5; round++) await client.ask(requestAt(endpoint.url));
  expect(ports.size).toBe(1);
});
