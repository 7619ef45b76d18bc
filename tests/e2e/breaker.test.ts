import { openStore, type Store } from "@evergrant/store";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Lateness, latenessDuring, percentile, recordLateness } from "./lateness.ts";
import { type AppObserver, observeApps } from "./observe-apps.ts";
import { admin, start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

const APPS = ["xero-one", "xero-two", "xero-three"] as const;
const [BROKEN, ...OTHERS] = APPS;
/** Each is refreshed every three seconds: some 65 refreshes a second for each app. */
const CONNECTIONS = 200;
const TOKEN_MS = 8_000;
const SCHEDULE = { leadMs: 4_000, jitterMs: 2_000 };
const TICK_MS = 500;
const MEASURED_MS = 10_000;
/** Before and during by turns: what an app does to others shows in all, what else the machine does is spread. */
const ROUNDS = 3;
const MOST_RATIO = 1.2;

let world: World;
let store: Store;
let apps: AppObserver;

beforeAll(async () => {
  const rules = { xero: { accessTokenTtlMs: TOKEN_MS, graceMs: 60_000 } };
  const env = { EVERGRANT_TICK_MS: String(TICK_MS) };
  world = await createWorld({ redis: inject("redisUrl") !== null, rules, env });
  store = openStore({ databaseUrl: world.databaseUrl, applicationName: "test" });
  apps = observeApps(store);
  await recordLateness(world.databaseUrl);
  const descriptor = {
    lifetimes: { accessTokenMs: TOKEN_MS },
    graceMs: 60_000,
    schedule: SCHEDULE,
    retry: { firstMs: 500, maxMs: 2_000 },
    breaker: { windowMs: 10_000, probeMs: 1_000 },
  };
  for (const id of APPS) {
    await world.addApp({ id, kind: "xero", descriptor });
    await world.connect(id, CONNECTIONS, id);
  }
  await world.provider.register({ id: BROKEN, kind: "xero", secrets: ["the-right-secret"] });
  await useSecret("the-right-secret");
  await Promise.all([
    ...["scheduler", "scheduler"].map((room) => start(room as "scheduler", world.env)),
    ...["worker", "worker"].map((room) => start(room as "worker", world.keyEnv)),
  ]);
  await apps.refreshedByAll(APPS);
});
afterAll(async () => {
  await stopAll();
  await store.close();
  await world.close();
});

test("the breaker of one app out of three opens within ten seconds of a wrong secret, changes no connection, leaves the others as they were, and closes by itself when the secret is right again", async () => {
  const untouched = await apps.statesOf(BROKEN);
  const before: Lateness[] = [];
  const during: Lateness[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    before.push(await measured(() => admin(["breaker", "list"], world.keyEnv)));
    during.push(await measured(breakTheSecret));
    expect(await apps.statesOf(BROKEN)).toEqual(untouched);
    await mendTheSecret();
    expect(await apps.statesOf(BROKEN)).toEqual(untouched);
  }
  for (const id of OTHERS) {
    expect(ratioOf(id, before, during)).toBeLessThanOrEqual(MOST_RATIO);
    expect(await apps.breakerOf(id)).toMatchObject({ breakerState: "closed", breakerChangedAt: null });
  }
  const eachRound = ["breaker_opened misconfigured", "breaker_closed probe"];
  expect(await apps.eventsOf(BROKEN)).toEqual(Array.from({ length: ROUNDS }, () => eachRound).flat());
  expect(await world.provider.audit(BROKEN)).toMatchObject({ alive: CONNECTIONS, overlaps: 0 });
});

/** Both kinds of round begin with a command of the operator's: its start alone takes a core for a while. */
function measured(command: () => Promise<unknown>): Promise<Lateness> {
  return latenessDuring(world.databaseUrl, async () => {
    const end = performance.now() + MEASURED_MS;
    await command();
    await until("the time is over", () => performance.now() >= end, MEASURED_MS);
  });
}

async function breakTheSecret(): Promise<void> {
  const startedAt = performance.now();
  await useSecret("a-wrong-secret");
  await until("the breaker opens", async () => (await apps.breakerOf(BROKEN)).breakerState !== "closed", 10_000);
  const openedAfterMs = Math.round(performance.now() - startedAt);
  expect(openedAfterMs).toBeLessThan(10_000);
  expect(await apps.breakerOf(BROKEN)).toMatchObject({ breakerReason: "misconfigured" });
  const refusedBefore = await apps.misconfiguredAnswersOf(BROKEN);
  await until("it is probed", async () => (await apps.misconfiguredAnswersOf(BROKEN)) > refusedBefore + 3, 10_000);
  say(`the breaker opened ${openedAfterMs} ms after a wrong secret was rolled out, ${refusedBefore} answers refused`);
}

async function mendTheSecret(): Promise<void> {
  const refused = await apps.misconfiguredAnswersOf(BROKEN);
  const startedAt = performance.now();
  await useSecret("the-right-secret");
  await until("the breaker closes", async () => (await apps.breakerOf(BROKEN)).breakerState === "closed");
  say(`it closed ${Math.round(performance.now() - startedAt)} ms after the right one was`);
  // A probe a second while it was open, and no crowd when it closed.
  expect((await apps.misconfiguredAnswersOf(BROKEN)) - refused).toBeLessThan(10);
  await apps.refreshedByAll([BROKEN]);
}

async function useSecret(secret: string): Promise<void> {
  const answer = await admin(["app", "set-secret", BROKEN, "--retire-old"], world.keyEnv, `${secret}\n`);
  expect(answer).toMatchObject({ code: 0 });
}

/** How much later the slowest hundredth of an app's refreshes begins, over all rounds. */
function ratioOf(appId: string, before: readonly Lateness[], during: readonly Lateness[]): number {
  const [old, now] = [before, during].map((rounds) => rounds.flatMap((round) => round.get(appId) ?? []));
  const [oldP99, nowP99] = [percentile(old ?? [], 0.99), percentile(now ?? [], 0.99)];
  const counts = [old?.length ?? 0, now?.length ?? 0] as const;
  say(
    `p99 lateness of ${appId}: ${Math.round(oldP99)} ms before (${counts[0]} refreshes), ${Math.round(nowP99)} ms during (${counts[1]}): x ${(nowP99 / oldP99).toFixed(2)}`,
  );
  expect(counts[0]).toBeGreaterThan((CONNECTIONS / TOKEN_MS) * MEASURED_MS * ROUNDS);
  expect(counts[1]).toBeGreaterThan(0.9 * counts[0]);
  return nowP99 / oldP99;
}

const say = (line: string) => void process.stderr.write(`${line}\n`);
