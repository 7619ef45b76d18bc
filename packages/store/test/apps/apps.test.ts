import { createTestDatabase, type TestDatabase } from "@evergrant/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AppToAdd, addApp } from "../../src/apps/add-app.ts";
import { addClientSecret } from "../../src/apps/add-client-secret.ts";
import { listApps } from "../../src/apps/list-apps.ts";
import { loadApps } from "../../src/apps/load-apps.ts";
import { openStore, type Store } from "../../src/client.ts";
import { generateKey, openVault, parseKeyRing, type TokenVault } from "../../src/secrets/index.ts";

let database: TestDatabase;
let store: Store;
let vault: TokenVault;
beforeEach(async () => {
  database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "apps test", poolSize: 5 });
  vault = await openVault(store, parseKeyRing(generateKey()));
});
afterEach(async () => {
  await store.close();
  await database.drop();
});

const xero: AppToAdd = {
  id: "xero-prod",
  provider: "xero",
  environment: "production",
  clientId: "client-1",
  descriptor: { schedule: { leadMs: 1_000 } },
  maxConcurrent: 5,
  maxPerSecond: null,
  clientSecret: "canary-1",
};

/** The secrets of an app as a worker would try them. */
async function secretsOf(appId: string): Promise<string[]> {
  const app = (await loadApps(store)).find((candidate) => candidate.id === appId);
  return (app?.secrets ?? []).map(({ ciphertext }) => vault.openClientSecret({ appId }, ciphertext));
}

describe("an app", () => {
  test("is registered with its secret sealed and its descriptor as it was given", async () => {
    expect(await addApp(store, vault, xero)).toBe(true);
    expect(await loadApps(store)).toMatchObject([
      {
        id: "xero-prod",
        provider: "xero",
        environment: "production",
        clientId: "client-1",
        descriptor: { schedule: { leadMs: 1_000 } },
        breakerState: "closed",
        maxConcurrent: 5,
        maxPerSecond: null,
      },
    ]);
    expect(await secretsOf("xero-prod")).toEqual(["canary-1"]);
    const [row] = await store.prisma.clientSecret.findMany();
    expect(Buffer.from(row?.ciphertext ?? []).includes("canary")).toBe(false);
  });

  test("that exists is not touched by a second registration, nor given its secret", async () => {
    await addApp(store, vault, xero);
    expect(
      await addApp(store, vault, { ...xero, clientId: "client-2", environment: "sandbox", clientSecret: "other" }),
    ).toBe(false);
    expect(await listApps(store)).toMatchObject([{ clientId: "client-1", environment: "production", secrets: 1 }]);
    expect(await secretsOf("xero-prod")).toEqual(["canary-1"]);
  });

  test("of a public client has no secret", async () => {
    await addApp(store, vault, { ...xero, clientSecret: null });
    expect(await listApps(store)).toMatchObject([{ id: "xero-prod", secrets: 0 }]);
  });

  test("in a list gives nothing of its secrets away but their number", async () => {
    await addApp(store, vault, xero);
    const [row] = await store.prisma.clientSecret.findMany();
    const listed = JSON.stringify(await listApps(store));
    expect(listed).not.toContain("canary");
    expect(listed).not.toContain(
      Buffer.from(row?.ciphertext ?? [])
        .toString("base64")
        .slice(0, 20),
    );
  });
});

describe("a new client secret", () => {
  test("is tried first, the older ones after it", async () => {
    await addApp(store, vault, xero);
    const change = { appId: "xero-prod", retireOld: false };
    expect(await addClientSecret(store, vault, { ...change, clientSecret: "canary-2" })).toEqual({
      secrets: 2,
      retired: 0,
    });
    expect(await addClientSecret(store, vault, { ...change, clientSecret: "canary-3" })).toEqual({
      secrets: 3,
      retired: 0,
    });
    expect(await secretsOf("xero-prod")).toEqual(["canary-3", "canary-2", "canary-1"]);
  });

  test("takes the place of the older ones when they are retired, and of no other app's", async () => {
    await addApp(store, vault, xero);
    await addApp(store, vault, { ...xero, id: "xero-other" });
    const change = { appId: "xero-prod", clientSecret: "canary-2", retireOld: true };
    expect(await addClientSecret(store, vault, change)).toEqual({ secrets: 1, retired: 1 });
    expect(await secretsOf("xero-prod")).toEqual(["canary-2"]);
    expect(await secretsOf("xero-other")).toEqual(["canary-1"]);
  });

  test("for an app that does not exist changes nothing", async () => {
    expect(await addClientSecret(store, vault, { appId: "missing", clientSecret: "x", retireOld: false })).toBeNull();
    expect(await store.prisma.clientSecret.count()).toBe(0);
  });
});
