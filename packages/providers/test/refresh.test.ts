import { describe, expect, test } from "vitest";
import { refresh } from "../src/index.ts";
import { descriptorAt, openClient, requestTo } from "./support/refresh-at.ts";
import { type Respond, reply, startTokenEndpoint } from "./support/token-endpoint.ts";

const TOKENS = { access_token: "access-2", refresh_token: "refresh-2", expires_in: 1800 };

/** Knows one secret, sent by post; anything else is invalid_client. */
const knows =
  (secret: string, otherwise: Respond = reply(200, TOKENS)): Respond =>
  (response, request, raw) => {
    const isKnown = request.form.get("client_secret") === secret;
    return (isKnown ? otherwise : reply(401, { error: "invalid_client" }))(response, request, raw);
  };

async function refreshWith(
  clientSecrets: readonly string[],
  respond: Respond,
  changes: Parameters<typeof descriptorAt>[1] = {},
) {
  const endpoint = await startTokenEndpoint(respond);
  const descriptor = descriptorAt(endpoint.url, { clientAuthentication: "post", ...changes });
  const result = await refresh(requestTo(descriptor, openClient(), { clientSecrets }));
  return { ...result, tried: endpoint.requests.map((request) => request.form.get("client_secret")) };
}

describe("while a client secret is being changed", () => {
  test("the first that works is the only one sent", async () => {
    expect(await refreshWith(["new", "old"], knows("new"))).toMatchObject({
      outcome: { kind: "rotated" },
      secretIndex: 0,
      tried: ["new"],
    });
  });

  test("the next is tried when the provider refuses the first", async () => {
    const result = await refreshWith(["new", "old"], knows("old"));
    expect(result).toMatchObject({ outcome: { kind: "rotated" }, secretIndex: 1, tried: ["new", "old"] });
  });

  test.each<[string, Respond]>([
    ["a bare 401", (response) => response.writeHead(401).end()],
    ["a 401 with words of its own", reply(401, { error: "Unauthorized", message: "no" })],
  ])("%s refuses a secret too", async (_, refuse) => {
    const respond: Respond = (response, request, raw) =>
      (request.form.get("client_secret") === "old" ? reply(200, TOKENS) : refuse)(response, request, raw);
    expect(await refreshWith(["new", "old"], respond)).toMatchObject({ outcome: { kind: "rotated" }, secretIndex: 1 });
  });

  test("when none is known the app is misconfigured, each tried once", async () => {
    const result = await refreshWith(["a", "b", "c"], knows("d"));
    expect(result).toMatchObject({
      outcome: { kind: "misconfigured", reason: "invalid_client" },
      tried: ["a", "b", "c"],
    });
  });

  test.each<[string, Respond]>([
    ["a refused grant", reply(400, { error: "invalid_grant" })],
    ["a lost answer", (response) => response.destroy()],
    ["an outage", reply(503, "")],
    ["another fault of the app", reply(400, { error: "unauthorized_client" })],
    ["a 429", reply(429, { error: "invalid_client" })],
  ])("%s is not answered with another secret: the token may be spent", async (_name, respond) => {
    const result = await refreshWith(["new", "old"], knows("new", respond));
    expect(result).toMatchObject({ secretIndex: 0, tried: ["new"] });
  });
});

test("a provider whose invalid_client means something else is taken at its descriptor's word", async () => {
  const errorRules = [{ error: "invalid_client", outcome: "throttled" } as const];
  expect(await refreshWith(["new", "old"], knows("old"), { errorRules })).toMatchObject({
    outcome: { kind: "throttled" },
    tried: ["new"],
  });
});

describe("a public client", () => {
  test("has no secret to try", async () => {
    expect(await refreshWith([], reply(200, TOKENS))).toMatchObject({
      outcome: { kind: "rotated" },
      secretIndex: null,
    });
    const refused = await refreshWith(["unused"], reply(401, { error: "invalid_client" }), {
      clientAuthentication: "none",
    });
    expect(refused).toMatchObject({ outcome: { kind: "misconfigured" }, secretIndex: null, tried: [null] });
  });
});
