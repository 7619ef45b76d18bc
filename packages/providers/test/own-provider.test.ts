import { describe, expect, test } from "vitest";
import { parseDescriptorFile, refresh } from "../src/index.ts";
import { CLIENT_ID, openClient } from "./support/refresh-at.ts";
import { type Respond, reply, startTokenEndpoint } from "./support/token-endpoint.ts";

const SECRET = "glow";

/**
 * A provider that nobody here wrote rules for: its own field names, credentials in the form, errors in
 * a 200, rotation on every use, and the end of the grant when a spent token comes back.
 */
function lanternProvider(): Respond {
  let live = "r-0";
  let isAlive = true;
  let issued = 0;
  return (response, { form, headers }, raw) => {
    const say = (body: object) => reply(200, body, { "x-lantern-call": `call-${issued}` })(response, request, raw);
    const request = { method: "POST", path: "/token", headers, form };
    if (form.get("client_id") !== CLIENT_ID || form.get("client_secret") !== SECRET) {
      return say({ problem: "who_are_you" });
    }
    if (form.get("audience") !== "ledgers") return say({ problem: "invalid_request", detail: "audience" });
    if (form.get("refresh_token") !== live) isAlive = false;
    if (!isAlive) return say({ problem: "token_gone", detail: "The lantern is out" });
    issued += 1;
    live = `r-${issued}`;
    return say({ bearer: `a-${issued}`, renewal: live, seconds: "120", renewal_seconds: 864_000 });
  };
}

const lanternFile = (tokenUrl: string) =>
  JSON.stringify({
    provider: "lantern",
    tokenUrl,
    clientAuthentication: "post",
    requestParameters: { audience: "ledgers" },
    requestIdHeader: "X-Lantern-Call",
    fields: {
      accessToken: "bearer",
      refreshToken: "renewal",
      expiresIn: "seconds",
      refreshTokenExpiresIn: "renewal_seconds",
      error: "problem",
      errorDescription: "detail",
    },
    errorRules: [
      { error: "token_gone", outcome: "rejected" },
      { error: "who_are_you", outcome: "misconfigured" },
    ],
    lifetimes: { accessTokenMs: "2m", inactivityMs: "10d" },
    schedule: { leadMs: "30s" },
  });

describe("a provider known by a descriptor file alone", () => {
  test("is refreshed through rotation, and its own errors are understood", async () => {
    const endpoint = await startTokenEndpoint(lanternProvider());
    const { descriptor } = parseDescriptorFile(lanternFile(endpoint.url), "lantern.json");
    const client = openClient();
    const present = (refreshToken: string, secret = SECRET) =>
      refresh({ client, descriptor, clientId: CLIENT_ID, clientSecrets: [secret], refreshToken });

    let refreshToken = "r-0";
    for (let round = 1; round <= 3; round++) {
      const { outcome } = await present(refreshToken);
      expect(outcome).toMatchObject({
        kind: "rotated",
        tokens: {
          accessToken: `a-${round}`,
          refreshToken: `r-${round}`,
          expiresInMs: 120_000,
          refreshTokenExpiresInMs: 864_000_000,
        },
        evidence: { requestId: `call-${round}` },
      });
      refreshToken = `r-${round}`;
    }

    expect((await present(refreshToken, "wrong")).outcome).toMatchObject({
      kind: "misconfigured",
      reason: "who_are_you",
    });
    expect((await present(refreshToken)).outcome).toMatchObject({ kind: "rotated" });
    expect((await present(refreshToken)).outcome).toMatchObject({
      kind: "rejected",
      reason: "token_gone",
      evidence: { status: 200, errorDescription: "The lantern is out" },
    });
  });
});
