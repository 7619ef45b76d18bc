import { expect, test } from "vitest";
import { refreshAt } from "./support/refresh-at.ts";
import type { Respond } from "./support/token-endpoint.ts";

const TOKENS = JSON.stringify({ access_token: "access-2", refresh_token: "refresh-2", expires_in: 1800 });
/** More than is ever sent, so that the answer is not at its end when its text is. */
const ANNOUNCED = { "content-type": "application/json", "content-length": String(TOKENS.length + 10) };

test.each<[string, Respond]>([
  ["is cut", (response) => void response.writeHead(200, ANNOUNCED).write(TOKENS, () => response.destroy())],
  [
    "is reset",
    (response) => void response.writeHead(200, ANNOUNCED).write(TOKENS, () => response.socket?.resetAndDestroy()),
  ],
  ["says no more", (response) => void response.writeHead(200, ANNOUNCED).write(TOKENS)],
])("a token set that has arrived whole is kept, though its connection %s", async (_, respond) => {
  const outcome = await refreshAt(respond, { answerTimeoutMs: 600 });
  expect(outcome).toMatchObject({ kind: "rotated", tokens: { accessToken: "access-2", refreshToken: "refresh-2" } });
});
