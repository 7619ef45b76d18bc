import type { ServerResponse } from "node:http";
import { Agent } from "undici";
import { expect, onTestFinished, test, vi } from "vitest";
import { exchange } from "../src/exchange.ts";
import { buildTokenRequest } from "../src/token-request.ts";
import { descriptorAt } from "./support/refresh-at.ts";
import { startTokenEndpoint } from "./support/token-endpoint.ts";
import { until } from "./support/until.ts";

/** An endpoint that answers when it is told to, and a request that it has received. */
async function sendOne(limits: { readonly sendWithinMs: number; readonly answerTimeoutMs: number }) {
  const pending: ServerResponse[] = [];
  const endpoint = await startTokenEndpoint((response) => pending.push(response));
  const agent = new Agent();
  onTestFinished(() => agent.close());
  const descriptor = descriptorAt(endpoint.url);
  const request = buildTokenRequest({ descriptor, clientId: "c", clientSecret: "s", refreshToken: "presented" });
  const dispatched = vi.spyOn(agent, "dispatch");
  const answer = exchange(agent, request, limits);
  await until(() => pending.length === 1);
  const [response] = pending;
  if (response === undefined) throw new Error("nothing arrived");
  return { answer, response, options: dispatched.mock.calls[0]?.[0] };
}

test("a request that was sent in time is not given up by the time that it had to be sent", async () => {
  const sendWithinMs = 300;
  const { answer, response } = await sendOne({ sendWithinMs, answerTimeoutMs: 20_000 });
  const sentAt = performance.now();
  await until(() => performance.now() - sentAt > 2 * sendWithinMs);
  response.end('{"refresh_token":"next"}');
  expect(await answer).toMatchObject({ kind: "http", status: 200, body: '{"refresh_token":"next"}' });
});

test("nothing but the answer's own time ends a request: the HTTP client's own clocks are off, and nothing can abort it", async () => {
  const { answer, response, options } = await sendOne({ sendWithinMs: 5_000, answerTimeoutMs: 20_000 });
  response.end("{}");
  await answer;
  expect(options).toMatchObject({ headersTimeout: 0, bodyTimeout: 0 });
  expect(options).not.toHaveProperty("signal");
});
