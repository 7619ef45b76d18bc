import type { Dispatcher } from "undici";
import { expect, test } from "vitest";
import { exchange } from "../src/exchange.ts";
import { buildTokenRequest } from "../src/token-request.ts";
import { descriptorAt } from "./support/refresh-at.ts";

/** An HTTP client that does what its test says with a request. */
function clientThat(handles: (handler: Dispatcher.DispatchHandler) => void): Dispatcher {
  const dispatch = (_: unknown, handler: Dispatcher.DispatchHandler) => {
    handles(handler);
    return true;
  };
  return { dispatch } as unknown as Dispatcher;
}

function attempt(): { readonly controller: Dispatcher.DispatchController; readonly aborted: () => boolean } {
  let isAborted = false;
  const controller = {
    abort: () => {
      isAborted = true;
    },
  } as unknown as Dispatcher.DispatchController;
  return { controller, aborted: () => isAborted };
}

test("should the HTTP client begin a request anew on another connection, it is aborted before a byte is written", async () => {
  const first = attempt();
  const second = attempt();
  const request = buildTokenRequest({
    descriptor: descriptorAt("http://127.0.0.1/token"),
    clientId: "client",
    clientSecret: "secret",
    refreshToken: "presented",
  });
  const client = clientThat((handler) => {
    handler.onRequestStart?.(first.controller, {});
    handler.onRequestStart?.(second.controller, {});
    handler.onResponseError?.(second.controller, new Error("aborted"));
  });
  const answer = await exchange(client, request, { sendWithinMs: 5_000, answerTimeoutMs: 5_000 });
  expect([first.aborted(), second.aborted()]).toEqual([false, true]);
  expect(answer).toMatchObject({ kind: "none", sent: true });
});
