import { createRequire } from "node:module";
import OAuthClient from "intuit-oauth";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Simulator, SimulatorClient, startSimulator } from "../../src/simulator/index.ts";
import { day } from "./harness.ts";

const clientId = "ABintuitApp";
const clientSecret = "s3cret/+:%";

let now = Date.now();
let simulator: Simulator;
let control: SimulatorClient;

beforeAll(async () => {
  simulator = await startSimulator({ clock: () => now });
  control = new SimulatorClient(simulator.url);
  await control.register({ id: clientId, kind: "quickbooks", secrets: [clientSecret], environment: "sandbox" });
});
afterAll(() => simulator.close());

async function connect(scopes = "com.intuit.quickbooks.accounting", secret = clientSecret) {
  const [grant] = await control.mint({ clientId, scopes });
  if (!grant) throw new Error("nothing was minted");
  const client = new OAuthClient({
    clientId,
    clientSecret: secret,
    environment: "sandbox",
    redirectUri: "http://localhost/callback",
    includeRefreshTokenHardExpiresIn: true,
  });
  client.setAuthorizeURLs({
    authorizeEndpoint: `${simulator.url}/quickbooks/connect/oauth2`,
    tokenEndpoint: simulator.tokenUrls.quickbooks,
    revokeEndpoint: `${simulator.url}/quickbooks/v2/oauth2/tokens/revoke`,
    userInfoEndpoint: `${simulator.url}/quickbooks/v1/openid_connect/userinfo`,
  });
  client.setToken({ refresh_token: grant.refreshToken, x_refresh_token_expires_in: 8_726_400, realmId: "9" });
  return { grant, client };
}

const auditOf = async (id: string) => (await control.auditGrants()).find((audit) => audit.id === id);

describe("intuit-oauth", () => {
  test("is the release that the simulator claims to satisfy", () => {
    const { version } = createRequire(import.meta.url)("intuit-oauth/package.json");
    expect(version).toBe("4.2.5");
  });

  test("refreshes day after day, following the value as it changes", async () => {
    const { grant, client } = await connect();
    const seen = new Set([grant.refreshToken]);
    for (let turn = 0; turn < 6; turn += 1) {
      now += day / 2;
      await client.refresh();
      seen.add(client.getToken().refresh_token);
    }
    expect(seen.size).toBe(4);
    expect(client.getToken()).toMatchObject({
      token_type: "bearer",
      expires_in: 3600,
      x_refresh_token_expires_in: 8_726_400,
      x_refresh_token_hard_expires_in: 157_680_000 - (3 * day) / 1000,
      realmId: "9",
    });
    expect(await auditOf(grant.id)).toMatchObject({ rotations: 3, rejected: 0, alive: true });
  });

  test("refreshUsingToken takes a token of one's own and carries intuit_tid back", async () => {
    const { grant, client } = await connect();
    const answer = await client.refreshUsingToken(grant.refreshToken);
    expect(answer.status()).toBe(200);
    expect(answer.getIntuitTid()).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("reports invalid_grant, its wording and intuit_tid once the customer has left", async () => {
    const { grant, client } = await connect();
    await control.setRules("quickbooks", { invalidGrantDescriptions: ["Token invalid"] });
    await control.revoke({ grantIds: [grant.id] });
    await expect(client.refresh()).rejects.toMatchObject({
      error: "invalid_grant",
      error_description: "Token invalid",
      intuit_tid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect((await auditOf(grant.id))?.rejected).toBe(1);
  });

  test("reports invalid_client for a wrong secret, and the grant survives", async () => {
    const { grant, client } = await connect(undefined, "wrong");
    await expect(client.refresh()).rejects.toMatchObject({ error: "invalid_client" });
    expect(await auditOf(grant.id)).toMatchObject({ alive: true, invalidClient: 1 });
  });

  test("retries a 503 by itself and keeps the grant", async () => {
    const { grant, client } = await connect();
    await control.setFault({ grantId: grant.id, effect: { type: "status", status: 503 }, times: 1 });
    await client.refresh();
    expect(await auditOf(grant.id)).toMatchObject({ requests: 2, rejected: 0, alive: true });
  });

  test("verifies the id_token of a grant with openid against the published keys", async () => {
    now = Date.now();
    const { client } = await connect("openid com.intuit.quickbooks.accounting");
    OAuthClient.jwks_uri = `${simulator.url}/quickbooks/op/v1/jwks`;
    await client.refresh();
    expect(await client.validateIdToken()).toBe(true);
  });

  test("revokes", async () => {
    const { grant, client } = await connect();
    await client.refresh();
    await client.revoke({ refresh_token: client.getToken().refresh_token });
    expect(await auditOf(grant.id)).toMatchObject({ alive: false, revokedBy: "app" });
  });
});
