import type { ServerResponse } from "node:http";
import { Agent } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { exchange } from "../src/exchange.ts";
import { buildTokenRequest } from "../src/token-request.ts";
import { descriptorAt } from "./support/refresh-at.ts";
import { startTokenEndpoint } from "./support/token-endpoint.ts";
import { until } from "./support/until.ts";

test("a request that is no longer wanted when its connection is found is never sent", async () => {
  const endpoint = await startTokenEndpoint((response) => response.end("{}"));
  const agent = new Agent();
  onTestFinished(() => agent.close());
  let isWanted = true;
  const send = () => {
    const request = buildTokenRequest({
      descriptor: descriptorAt(endpoint.url),
      clientId: "c",
      clientSecret: "s",
      refreshToken: "r",
    });
    return exchange(agent, request, { sendWithinMs: 10_000, answerTimeoutMs: 10_000, mayBegin: () => isWanted });
  };
  const waiting = send();
  // Its connection is being made: whatever held true when it was asked for may have changed by then.
  isWanted = false;
  expect(await waiting).toEqual({ kind: "none", sent: false, code: "NO_LONGER_WANTED" });
  expect(endpoint.requests).toEqual([]);
  isWanted = true;
  expect(await send()).toMatchObject({ kind: "http", status: 200 });
});

test("a request that found no connection in time is never sent, not even when one falls free", async () => {
  const pending: ServerResponse[] = [];
  const endpoint = await startTokenEndpoint((response) => pending.push(response));
  const agent = new Agent({ connections: 1, pipelining: 1 });
  onTestFinished(() => agent.close());
  const send = (refreshToken: string, sendWithinMs: number) => {
    const descriptor = descriptorAt(endpoint.url);
    const request = buildTokenRequest({ descriptor, clientId: "c", clientSecret: "s", refreshToken });
    return exchange(agent, request, { sendWithinMs, answerTimeoutMs: 10_000 });
  };

  const first = send("first", 10_000);
  await until(() => pending.length === 1);
  expect(await send("late", 50)).toEqual({ kind: "none", sent: false, code: "NO_CONNECTION_IN_TIME" });
  const third = send("third", 10_000);
  pending[0]?.end("{}");
  expect(await first).toMatchObject({ kind: "http", status: 200 });
  await until(() => pending.length === 2);
  pending[1]?.end("{}");
  expect(await third).toMatchObject({ kind: "http", status: 200 });
  expect(endpoint.requests.map((request) => request.form.get("refresh_token"))).toEqual(["first", "third"]);
});
