import { createTokenClient, resolveDescriptor } from "@evergrant/providers";
import { createLogger } from "@evergrant/runtime";
import { closeBreaker, importConnections, openStore, type Store, takeProbe } from "@evergrant/store";
import { openEscrow } from "@evergrant/store/escrow";
import { generateKey, openVault, parseKeyRing, type TokenVault } from "@evergrant/store/secrets";
import { createTestDatabase, type Simulator, SimulatorClient, startSimulator } from "@evergrant/testkit";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createRefreshParts } from "../src/create-refresh-parts.ts";
import { refreshConnection } from "../src/refresh-connection.ts";
import { watchTrouble } from "../src/watch-trouble.ts";

const HOUR_MS = 3_600_000;
const SECRET = "right";

let simulator: Simulator;
let provider: SimulatorClient;
let store: Store;
let vault: TokenVault;
let drop: () => Promise<void>;
let appNumber = 0;
let appId = "";

beforeAll(async () => {
  simulator = await startSimulator();
  provider = new SimulatorClient(simulator.url);
  const database = await createTestDatabase();
  store = openStore({ databaseUrl: database.url, applicationName: "test" });
  vault = await openVault(store, parseKeyRing(generateKey()));
  drop = database.drop;
});
afterAll(async () => {
  await simulator.close();
  await store.close();
  await drop();
});
const workers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
});

/** An app of its own whose connections are all due. */
async function connect(count: number, breaker: object = {}, secret = SECRET): Promise<string[]> {
  appNumber += 1;
  appId = `app-${appNumber}`;
  const descriptor = { tokenUrl: simulator.tokenUrls.xero, breaker };
  await provider.register({ id: appId, kind: "xero", secrets: [SECRET] });
  await store.prisma.oAuthApp.create({
    data: { id: appId, provider: "xero", environment: "production", clientId: appId, descriptor },
  });
  await useSecret(secret);
  const grants = await provider.mint({ clientId: appId, count, idPrefix: appId });
  const bare = { accessToken: null, accessTokenExpiresAt: null, refreshTokenExpiresAt: null, customer: null };
  const lines = grants.map(({ id, refreshToken }) => ({
    ...{ id, appId, refreshToken, ...bare, mode: "fresh" as const, tenants: [] },
  }));
  await importConnections(store, vault, new Map([[appId, resolveDescriptor("xero", descriptor)]]), lines);
  return grants.map(({ id }) => id);
}

async function useSecret(secret: string): Promise<void> {
  await store.prisma.clientSecret.deleteMany({ where: { appId } });
  const ciphertext = Uint8Array.from(vault.sealClientSecret({ appId }, secret));
  await store.prisma.clientSecret.create({ data: { appId, ciphertext } });
}

/** A worker as it is wired in its process, but for queue and lifecycle. */
function startWorker() {
  const client = createTokenClient();
  const escrow = openEscrow({ redisUrl: undefined, directory: undefined, namespace: "test", onError: () => {} });
  const { parts, close } = createRefreshParts({
    env: { EVERGRANT_LEASE_MS: 30_000 },
    store,
    vault,
    escrow,
    client,
    logger: createLogger({ app: "worker", level: "silent" } as never),
    register: new Registry(),
    trouble: watchTrouble(() => performance.now()),
    onError: (error) => {
      throw error;
    },
    isStopping: () => false,
  });
  workers.push({ close: () => close().then(() => client.close()) });
  return {
    /** All at once. */
    refresh: (ids: readonly string[]) => Promise.all(ids.map((id) => refreshConnection(id, parts))),
    close,
  };
}

/** The second refusal is due: the first was so long ago. */
async function strike(ids: readonly string[], agoMs: number): Promise<void> {
  const firstStrikeAt = new Date(Date.now() - agoMs);
  await store.prisma.connection.updateMany({
    where: { id: { in: [...ids] } },
    data: { strikes: 1, failures: 1, firstStrikeAt, lastAttemptAt: firstStrikeAt, lastOutcome: "rejected" },
  });
}

const appNow = () => store.prisma.oAuthApp.findUniqueOrThrow({ where: { id: appId } });
const countEnded = () => store.prisma.connection.count({ where: { appId, state: "needs_reauth" } });
const requestsOf = async () => (await provider.stats()).clients[appId];

describe("second refusals that come all at once after the fleet was away", () => {
  test("are a wave: the very first of them ends no grant", async () => {
    const ids = await connect(30);
    const left = ids.slice(0, 12);
    await provider.revoke({ grantIds: left });
    await strike(left, HOUR_MS);
    await startWorker().refresh(ids);
    expect(await countEnded()).toBe(0);
    expect(await appNow()).toMatchObject({ breakerState: "open", breakerReason: "rejections" });
    expect(await store.prisma.refreshEvent.count({ where: { appId, kind: "ending_held" } })).toBe(12);
  });

  test("end their grants when they are few", async () => {
    const ids = await connect(30);
    const left = ids.slice(0, 3);
    await provider.revoke({ grantIds: left });
    await strike(left, HOUR_MS);
    const worker = startWorker();
    await worker.refresh(ids.slice(3));
    await worker.refresh(left);
    expect(await countEnded()).toBe(3);
    expect(await appNow()).toMatchObject({ breakerState: "closed", breakerChangedAt: null });
  });

  test("end their grants when an operator has accepted the wave, those found only afterwards too", async () => {
    const ids = await connect(40);
    const left = ids.slice(0, 20);
    await provider.revoke({ grantIds: left });
    await strike(left.slice(0, 12), HOUR_MS);
    const worker = startWorker();
    await worker.refresh(ids.slice(0, 12));
    expect(await appNow()).toMatchObject({ breakerReason: "rejections" });
    expect(await closeBreaker(store, { appId, by: "accepted" })).toMatchObject({ closed: true });

    await worker.refresh(ids);
    expect(await countEnded()).toBe(12);
    // As if two hours had passed since the acceptance, and one since the first refusal of the others.
    const [twoHoursAgo, longAgo] = [new Date(Date.now() - 2 * HOUR_MS), new Date(0)];
    await store.prisma.oAuthApp.update({ where: { id: appId }, data: { breakerAcceptedAt: twoHoursAgo } });
    await store.prisma.tokenSet.updateMany({ data: { storedAt: longAgo } });
    await strike(left.slice(12), HOUR_MS);
    const others = { id: { in: left.slice(12) } };
    await store.prisma.connection.updateMany({ where: others, data: { dueAt: longAgo, createdAt: longAgo } });
    await worker.refresh(ids);
    expect(await countEnded()).toBe(20);
    expect(await appNow()).toMatchObject({ breakerState: "closed" });
  });
});

describe("a wrong client secret", () => {
  test("opens the breaker, and nothing more is asked of the provider", async () => {
    const ids = await connect(30, {}, "wrong");
    const worker = startWorker();
    for (const id of ids.slice(0, 3)) await worker.refresh([id]);
    await worker.close();
    expect(await appNow()).toMatchObject({ breakerState: "open", breakerReason: "misconfigured" });
    const before = await requestsOf();
    await startWorker().refresh(ids);
    expect(await requestsOf()).toEqual(before);
    expect(await store.prisma.connection.count({ where: { appId, state: "active", strikes: 0 } })).toBe(30);
  });

  test("that is right again is found out by one probe, which frees the others", async () => {
    const ids = await connect(10, { probeMs: 100 }, "wrong");
    const worker = startWorker();
    for (const id of ids.slice(0, 3)) await worker.refresh([id]);
    await worker.close();
    await useSecret(SECRET);

    await store.prisma.oAuthApp.update({ where: { id: appId }, data: { breakerProbeAt: new Date(0) } });
    const probe = await takeProbe(store, { appId, probeMs: 60_000 });
    const other = startWorker();
    await other.refresh(ids);
    await other.close();
    expect(await store.prisma.connection.findMany({ where: { appId, lastOutcome: "rotated" } })).toMatchObject([
      { id: probe.kind === "try" ? probe.connectionId : "" },
    ]);
    expect(await appNow()).toMatchObject({ breakerState: "closed" });
    const last = startWorker();
    await last.refresh(ids);
    expect(await store.prisma.connection.count({ where: { appId, lastOutcome: "rotated" } })).toBe(10);
  });
});

test("a probe that is refused again and again never ends its grant", async () => {
  const [id = ""] = await connect(1, { leastRejected: 1, rejectedShare: 1 });
  await provider.revoke({ grantIds: [id] });
  await strike([id], HOUR_MS);
  const open = { breakerState: "open", breakerReason: "rejections", breakerProbeAt: new Date(0) } as const;
  for (let round = 0; round < 3; round += 1) {
    await store.prisma.oAuthApp.update({ where: { id: appId }, data: open });
    await takeProbe(store, { appId, probeMs: 60_000 });
    const worker = startWorker();
    await worker.refresh([id]);
    await worker.close();
    expect(await appNow()).toMatchObject({ breakerState: "open" });
  }
  const row = await store.prisma.connection.findUniqueOrThrow({ where: { id } });
  expect(row).toMatchObject({ state: "active", strikes: 1, lastOutcome: "rejected", failures: 4 });
});
