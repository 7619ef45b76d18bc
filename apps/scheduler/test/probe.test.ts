import { openStore, type Store } from "@evergrant/store";
import { createTestDatabase } from "@evergrant/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createProber } from "../src/probe.ts";

const SEALED = new Uint8Array(40);

let store: Store;
let drop: () => Promise<void>;
const logged: unknown[] = [];
const logger = { info: (details: unknown) => void logged.push(details) };

beforeAll(async () => {
  const database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "test" });
  drop = database.drop;
});
afterAll(async () => {
  await store.close();
  await drop();
});
beforeEach(async () => {
  await store.prisma.connection.deleteMany();
  await store.prisma.oAuthApp.deleteMany();
  logged.length = 0;
});

const probe = (appId = "app") => createProber(store, logger as never)(appId);

async function openApp(descriptor: object): Promise<void> {
  const open = { breakerState: "open", breakerReason: "misconfigured", breakerProbeAt: new Date(0) } as const;
  await store.prisma.oAuthApp.create({
    data: { id: "app", provider: "xero", environment: "production", clientId: "c", descriptor, ...open },
  });
}

async function connect(id: string): Promise<void> {
  const dueAt = new Date(Date.now() + 60_000);
  await store.prisma.connection.create({ data: { id, appId: "app", mode: "fresh", dueAt } });
  const fingerprint = new Uint8Array(16);
  await store.prisma.tokenSet.create({ data: { connectionId: id, generation: 1, refreshToken: SEALED, fingerprint } });
}

describe("an app whose breaker is open", () => {
  test.each([
    ["the built-in descriptor", {}, 15_000],
    ["a descriptor of its own", { breaker: { probeMs: "3s" } }, 3_000],
    ["a descriptor that cannot be used", { breaker: { probeMs: "soon" } }, 15_000],
  ])("is probed as often as %s says", async (_, descriptor, everyMs) => {
    await openApp(descriptor);
    await connect("a");
    const before = Date.now();
    expect(await probe()).toBe("a");
    const next =
      (await store.prisma.oAuthApp.findUniqueOrThrow({ where: { id: "app" } })).breakerProbeAt?.getTime() ?? 0;
    expect(next - before).toBeGreaterThanOrEqual(everyMs - 1);
    expect(next - before).toBeLessThan(everyMs + 2_000);
  });

  test("closes when no connection is left whose answer could close it, and the log says so", async () => {
    await openApp({});
    expect(await probe()).toBeNull();
    const app = await store.prisma.oAuthApp.findUniqueOrThrow({ where: { id: "app" } });
    expect(app.breakerState).toBe("closed");
    expect(logged).toEqual([{ event: "breaker_closed", oauthApp: "app", by: "nobody_left" }]);
    expect(await probe()).toBeNull();
  });

  test("that is gone is not probed", async () => {
    expect(await probe("gone")).toBeNull();
  });
});
