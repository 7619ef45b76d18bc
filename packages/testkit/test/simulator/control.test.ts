import { describe, expect, test } from "vitest";
import { SimulatorClient, startSimulator } from "../../src/simulator/index.ts";
import { seededRandom } from "../../src/simulator/ledger/random.ts";
import { basic, day, minute, post, startProvider, until } from "./harness.ts";

describe("minting", () => {
  test("returns grants ready for import, whose tokens work", async () => {
    const { mintOne, refresh, now } = await startProvider("xero");
    const grant = await mintOne({ idPrefix: "acme", tenants: 2 });
    expect(grant).toEqual({
      id: "acme-1",
      kind: "xero",
      clientId: "app",
      customer: "Customer 1",
      refreshToken: expect.any(String),
      accessToken: expect.any(String),
      accessTokenExpiresAt: new Date(now() + 30 * minute).toISOString(),
      refreshTokenExpiresAt: new Date(now() + 60 * day).toISOString(),
      hardExpiresAt: null,
      tenants: [
        { id: expect.any(String), name: "Customer 1 Ltd" },
        { id: expect.any(String), name: "Customer 1 Branch 1" },
      ],
    });
    expect((await refresh(grant.refreshToken)).status).toBe(200);
  });

  test("spreads the age of the grants as asked", async () => {
    const { control, now } = await startProvider("xero");
    const grants = await control.mint({ clientId: "app", count: 200, ageMs: [10 * minute, 20 * minute] });
    const left = grants.map(({ accessTokenExpiresAt }) => Date.parse(accessTokenExpiresAt) - now());
    expect(Math.min(...left)).toBeGreaterThanOrEqual(10 * minute);
    expect(Math.max(...left)).toBeLessThanOrEqual(20 * minute);
    expect(new Set(left).size).toBeGreaterThan(100);
  });

  test("100,000 grants takes seconds, with distinct ids and tokens", async () => {
    const { control } = await startProvider("quickbooks");
    const grants = await control.mint({ clientId: "app", count: 100_000 });
    expect(new Set(grants.map(({ id }) => id)).size).toBe(100_000);
    expect(new Set(grants.map(({ refreshToken }) => refreshToken)).size).toBe(100_000);
  });

  test("for a client that nobody registered is refused", async () => {
    const { control } = await startProvider("xero");
    await expect(control.mint({ clientId: "nobody" })).rejects.toThrow("no client nobody is registered");
  });
});

describe("customers who leave", () => {
  test("get invalid_grant from then on, and are listed with the time", async () => {
    const { control, mintOne, refresh, now } = await startProvider("xero");
    const { id, customer, refreshToken } = await mintOne();
    const { json } = await refresh(refreshToken);
    expect(await control.revoke({ grantIds: [id] })).toEqual([{ id, customer, clientId: "app", revokedAt: now() }]);
    expect(await control.revoke({ grantIds: [id] })).toEqual([]);
    expect((await refresh(json.refresh_token)).json.error).toBe("invalid_grant");
    expect((await refresh(refreshToken)).json.error).toBe("invalid_grant");
  });

  test("can be so many at random, of one client only", async () => {
    const { control } = await startProvider("xero");
    await control.register({ id: "another", kind: "xero", secrets: ["x"] });
    await control.mint({ clientId: "app", count: 20 });
    await control.mint({ clientId: "another", count: 20 });
    expect(await control.revoke({ clientId: "app", count: 5 })).toHaveLength(5);
    expect(await control.revoke({ clientId: "app", count: 50 })).toHaveLength(15);
    expect((await control.audit("another")).alive).toBe(20);
  });

  test("trickle away until told to stop", async () => {
    const { control } = await startProvider("xero");
    await control.register({ id: "another", kind: "xero", secrets: ["x"] });
    const gone = async (clientId: string) => (await control.audit(clientId)).revokedByCustomer.count;
    for (const clientId of ["app", "another"]) {
      await control.mint({ clientId, count: 100 });
      await control.trickle(clientId, 6_000);
    }
    await until(async () => (await gone("app")) >= 3);
    await control.trickle("app", 0);
    const [stoppedAt, others] = [await gone("app"), await gone("another")];
    await until(async () => (await gone("another")) >= others + 3);
    expect(await gone("app")).toBe(stoppedAt);
  });

  test("that nobody knows are named", async () => {
    const { control } = await startProvider("xero");
    await expect(control.revoke({ grantIds: ["acme-9"] })).rejects.toThrow("no grant acme-9");
  });
});

describe("clients", () => {
  test("with two secrets are accepted with either, and with neither once both are replaced", async () => {
    const { control, mintOne, tokenUrl } = await startProvider("quickbooks");
    const { refreshToken } = await mintOne();
    const form = { grant_type: "refresh_token", refresh_token: refreshToken };
    const status = async (secret: string) => (await post(tokenUrl, form, basic("app", secret))).status;
    await control.register({ id: "app", kind: "quickbooks", secrets: ["new", "old"] });
    expect([await status("new"), await status("old"), await status("s3cret")]).toEqual([200, 200, 401]);
    await control.register({ id: "app", kind: "quickbooks", secrets: ["newest"] });
    expect([await status("new"), await status("newest")]).toEqual([401, 200]);
  });

  test("are counted apart, every request under exactly one outcome", async () => {
    const { control, mintOne, refresh } = await startProvider("xero");
    const { refreshToken } = await mintOne();
    await refresh(refreshToken);
    await refresh("unknown");
    await refresh("unknown", basic("app", "wrong"));
    await refresh("unknown", basic("nobody", "x"));
    await refresh("");
    const { kinds, clients } = await control.stats();
    const counted = { rotated: 1, renewed: 0, invalid_grant: 1, error: 1, fault: 0 };
    expect(kinds.xero).toEqual({ requests: 5, invalid_client: 2, ...counted });
    expect(clients.app).toEqual({ requests: 4, invalid_client: 1, ...counted });
  });
});

describe("rules", () => {
  test("are scaled at start, then replaced by the given ones as they are", async () => {
    const { control } = await startProvider(
      "xero",
      { graceMs: 5_000 },
      { scale: 60, rules: { xero: { graceMs: 5_000 } } },
    );
    expect((await control.rules()).xero).toMatchObject({ accessTokenTtlMs: 30_000, graceMs: 5_000, idleTtlMs: day });
    expect((await control.rules()).quickbooks).toMatchObject({
      accessTokenTtlMs: 60_000,
      rotationIntervalMs: 24 * minute,
    });
  });

  test("change while it runs, from the next request on", async () => {
    const { control, mintOne, refresh } = await startProvider("xero");
    const { refreshToken } = await mintOne();
    await refresh(refreshToken);
    await control.setRules("xero", { graceMs: 0, reuse: "revoke_family", invalidGrantDescriptions: ["gone"] });
    expect((await refresh(refreshToken)).json).toEqual({ error: "invalid_grant", error_description: "gone" });
    expect((await control.audit()).ended.reuse).toBe(1);
  });

  test("that make no sense are refused in one line, and nothing changes", async () => {
    const { control } = await startProvider("xero");
    await expect(control.setRules("xero", { accessTokenTtlMs: 10 })).rejects.toThrow(/accessTokenTtlMs/);
    await expect(control.setRules("xero", JSON.parse('{"grace":1}'))).rejects.toThrow(/grace/);
    expect((await control.rules()).xero.accessTokenTtlMs).toBe(30 * minute);
    await expect(startSimulator({ rules: { strict: { hardTtlMs: -1 } } })).rejects.toThrow(/hardTtlMs/);
  });
});

test("a second simulator on a taken port says so", async () => {
  const { simulator } = await startProvider("xero");
  await expect(startSimulator({ port: simulator.port })).rejects.toThrow(/EADDRINUSE/);
});

test("closing twice is closing once, and afterwards nobody answers", async () => {
  const { simulator } = await startProvider("xero");
  await Promise.all([simulator.close(), simulator.close()]);
  await expect(new SimulatorClient(simulator.url).stats()).rejects.toThrow();
});

test("dice fall alike for the same seed and differ between seeds", () => {
  const throws = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));
  expect(throws(1)).toEqual(throws(1));
  expect(throws(1)).not.toEqual(throws(2));
});
