import { createRequire } from "node:module";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { TokenSet, XeroClient } from "xero-node";
import { type Simulator, SimulatorClient, startSimulator } from "../../src/simulator/index.ts";
import { serveHostsFrom } from "./loopback-hosts.ts";

// Secrets with characters that openid-client encodes and refreshWithRefreshToken does not.
const clientId = "XERO-APP";
const clientSecret = "s3cret/+:%";

let simulator: Simulator;
let control: SimulatorClient;

beforeAll(async () => {
  simulator = await startSimulator();
  control = new SimulatorClient(simulator.url);
  await control.register({ id: clientId, kind: "xero", secrets: [clientSecret] });
});
afterAll(() => simulator.close());
beforeEach(() => control.setRules("xero", { signAccessTokens: true }));
serveHostsFrom(() => simulator.port, ["identity.xero.com", "api.xero.com"]);

async function connect(scopes: string) {
  const [grant] = await control.mint({ clientId, scopes, tenants: 2 });
  if (!grant) throw new Error("nothing was minted");
  const xero = new XeroClient({
    clientId,
    clientSecret,
    redirectUris: ["http://localhost/callback"],
    scopes: [],
    httpTimeout: 20_000,
  });
  xero.setTokenSet({ refresh_token: grant.refreshToken, access_token: grant.accessToken });
  return { grant, xero };
}

const auditOf = async (id: string) => (await control.auditGrants()).find((audit) => audit.id === id);

describe("xero-node", () => {
  test("is the release that the simulator claims to satisfy", () => {
    const { version } = createRequire(import.meta.url)("xero-node/package.json");
    expect(version).toBe("20.0.0");
  });

  test("discovers, then refreshes again and again with the token that it got last", async () => {
    const { grant, xero } = await connect("offline_access accounting.transactions");
    await xero.initialize();
    const seen = new Set([grant.refreshToken]);
    for (let turn = 0; turn < 4; turn += 1) {
      const tokens = await xero.refreshToken();
      expect(tokens.expires_in).toBeGreaterThan(1790);
      expect(tokens.scope).toBe("offline_access accounting.transactions");
      seen.add(tokens.refresh_token ?? "");
    }
    expect(seen.size).toBe(5);
    expect(await auditOf(grant.id)).toMatchObject({ rotations: 4, rejected: 0, spentPresented: { insideGrace: 0 } });
  });

  test("verifies the id_token of a grant with openid against the published keys", async () => {
    const { xero } = await connect("openid profile offline_access");
    await xero.initialize();
    const tokens = await xero.refreshToken();
    expect(tokens.id_token).toBeTruthy();
    expect(new TokenSet(tokens).claims()).toMatchObject({ iss: "https://identity.xero.com", aud: clientId });
  });

  test("refreshWithRefreshToken rotates without discovery", async () => {
    const { grant, xero } = await connect("offline_access");
    const first = await xero.refreshWithRefreshToken(clientId, clientSecret, grant.refreshToken);
    const second = await xero.refreshWithRefreshToken(clientId, clientSecret, first.refresh_token ?? "");
    expect(second.access_token).not.toBe(first.access_token);
    expect((await auditOf(grant.id))?.rotations).toBe(2);
  });

  test("recovers from a lost answer with the old token inside the grace window", async () => {
    const { grant, xero } = await connect("offline_access");
    await xero.initialize();
    await control.setFault({ grantId: grant.id, effect: { type: "drop" }, times: 1 });
    await expect(xero.refreshToken()).rejects.toThrow();
    await xero.refreshToken();
    expect(await auditOf(grant.id)).toMatchObject({
      rotations: 2,
      spentPresented: { insideGrace: 1, outsideGrace: 0 },
    });
  });

  test("both ways of refreshing report invalid_grant once the customer has left", async () => {
    const { grant, xero } = await connect("offline_access");
    await xero.initialize();
    await control.revoke({ grantIds: [grant.id] });
    await expect(xero.refreshToken()).rejects.toMatchObject({ name: "OPError", error: "invalid_grant" });
    await expect(xero.refreshWithRefreshToken(clientId, clientSecret, grant.refreshToken)).rejects.toMatchObject({
      response: { status: 400, data: { error: "invalid_grant" } },
    });
  });

  test("reports invalid_client for a wrong secret, and the grant survives", async () => {
    const { grant, xero } = await connect("offline_access");
    await expect(xero.refreshWithRefreshToken(clientId, "wrong", grant.refreshToken)).rejects.toMatchObject({
      response: { data: { error: "invalid_client" } },
    });
    expect((await auditOf(grant.id))?.alive).toBe(true);
  });

  test("lists and disconnects tenants, then revokes the token", async () => {
    const { grant, xero } = await connect("offline_access");
    await xero.initialize();
    await xero.refreshToken();
    const tenants = await xero.updateTenants(false);
    expect(tenants.map(({ tenantId }) => tenantId).sort()).toEqual(grant.tenants.map(({ id }) => id).sort());
    await xero.disconnect(tenants[0].id);
    expect(await xero.updateTenants(false)).toHaveLength(1);
    await xero.refreshToken();
    await xero.revokeToken();
    expect(await auditOf(grant.id)).toMatchObject({ alive: false, revokedBy: "app" });
  });
});
