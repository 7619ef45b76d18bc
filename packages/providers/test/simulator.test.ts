import { type ProviderKind, SimulatorClient, startSimulator } from "@evergrant/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseDescriptorFile, refresh, resolveDescriptor } from "../src/index.ts";
import { openClient } from "./support/refresh-at.ts";

const ROUNDS = 3;

/** A simulator, one client of the kind, one grant, and a function that presents a refresh token there. */
async function connect(kind: ProviderKind) {
  const simulator = await startSimulator({ seed: 1 });
  onTestFinished(() => simulator.close());
  const control = new SimulatorClient(simulator.url);
  await control.register({ id: `${kind}-app`, kind, secrets: ["secret-of-the-app"] });
  const [grant] = await control.mint({ clientId: `${kind}-app` });
  if (grant === undefined) throw new Error("the simulator minted nothing");

  const tokenUrl = simulator.tokenUrls[kind];
  const descriptor =
    kind === "strict"
      ? parseDescriptorFile(JSON.stringify({ provider: "strict", tokenUrl }), "strict.json").descriptor
      : resolveDescriptor(kind, { tokenUrl });
  const client = openClient();
  const present = async (refreshToken: string, clientSecrets = ["secret-of-the-app"]) => {
    const { outcome } = await refresh({ client, descriptor, clientId: `${kind}-app`, clientSecrets, refreshToken });
    return outcome;
  };
  return { control, grant, present };
}

describe("against the provider simulator", () => {
  test.each(["xero", "strict"] as const)("%s rotates at each refresh and the last token works", async (kind) => {
    const { control, grant, present } = await connect(kind);
    let { refreshToken } = grant;
    for (let round = 0; round < ROUNDS; round++) {
      const outcome = await present(refreshToken);
      expect(outcome).toMatchObject({ kind: "rotated", tokens: { accessToken: expect.any(String) } });
      refreshToken = outcome.kind === "rotated" ? (outcome.tokens.refreshToken ?? "") : "";
    }
    expect((await control.check({ grants: { [grant.id]: refreshToken } })).grants[grant.id]).toMatchObject({
      verdict: "current",
    });
  });

  test("quickbooks renews within a day, and its expiries and request id are read", async () => {
    const { grant, present } = await connect("quickbooks");
    expect(await present(grant.refreshToken)).toMatchObject({
      kind: "renewed",
      tokens: {
        refreshToken: null,
        expiresInMs: 3_600_000,
        refreshTokenExpiresInMs: expect.any(Number),
        refreshTokenHardExpiresInMs: expect.any(Number),
      },
      evidence: { requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
  });

  test("xero accepts a spent token in its grace window; strict ends the grant", async () => {
    const xero = await connect("xero");
    expect(await xero.present(xero.grant.refreshToken)).toMatchObject({ kind: "rotated" });
    expect(await xero.present(xero.grant.refreshToken)).toMatchObject({ kind: "rotated" });

    const strict = await connect("strict");
    expect(await strict.present(strict.grant.refreshToken)).toMatchObject({ kind: "rotated" });
    expect(await strict.present(strict.grant.refreshToken)).toMatchObject({ kind: "rejected" });
  });

  test.each(["xero", "quickbooks", "strict"] as const)(
    "%s: a wrong secret is ours, a customer who left is not",
    async (kind) => {
      const { control, grant, present } = await connect(kind);
      expect(await present(grant.refreshToken, ["wrong"])).toMatchObject({
        kind: "misconfigured",
        reason: "invalid_client",
      });
      await control.revoke({ grantIds: [grant.id] });
      expect(await present(grant.refreshToken)).toMatchObject({ kind: "rejected", reason: "invalid_grant" });
    },
  );

  test("quickbooks: an access token sent by mistake is ours", async () => {
    const { grant, present } = await connect("quickbooks");
    expect(await present(grant.accessToken)).toMatchObject({ kind: "misconfigured", reason: "invalid_grant" });
  });
});
