import { openStore, type Store } from "@evergrant/store";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type AppObserver, observeApps } from "./observe-apps.ts";
import { admin, start, stopAll, until } from "./process.ts";
import { createWorld, type World } from "./world.ts";

const CONNECTIONS = 200;
const LEAVING = CONNECTIONS * 0.3;

/** What a minute takes in the test that is told in minutes. The full one: EVERGRANT_TEST_MINUTE_MS=60000. */
const TOLD_MINUTE_MS = Number(process.env.EVERGRANT_TEST_MINUTE_MS ?? 6_000);
/** Where a token lives its usual half an hour, no more than this: the whole takes as long as two of them. */
const SHORT_MINUTE_MS = 600;

/** Everything that is decided by time as it is by default, for a minute of such a length. */
function defaultsWhere(minuteMs: number) {
  return {
    strikeGapMs: minuteMs,
    breaker: { windowMs: 5 * minuteMs, probeMs: minuteMs / 4, vouchWithinMs: 1_440 * minuteMs },
  };
}

/** Access tokens of half an hour, refreshed five to ten minutes before they expire. */
const HALF_HOURS = {
  ...defaultsWhere(SHORT_MINUTE_MS),
  lifetimes: { accessTokenMs: 30 * SHORT_MINUTE_MS },
  schedule: { leadMs: 5 * SHORT_MINUTE_MS, jitterMs: 5 * SHORT_MINUTE_MS },
  retry: { firstMs: 100, maxMs: 5 * SHORT_MINUTE_MS },
};

/** Tokens so short that whoever leaves is refused within seconds. */
const SECONDS = {
  ...defaultsWhere(TOLD_MINUTE_MS),
  lifetimes: { accessTokenMs: 8_000 },
  schedule: { mode: "fresh", leadMs: 4_000, jitterMs: 2_000 },
  retry: { firstMs: 500, maxMs: 2_000 },
};

const WAVES = [
  { app: "xero-hours", kind: "xero", descriptor: HALF_HOURS, minuteMs: SHORT_MINUTE_MS, found: "one by one" },
  { app: "books-seconds", kind: "quickbooks", descriptor: SECONDS, minuteMs: TOLD_MINUTE_MS, found: "within seconds" },
] as const;
const MISTAKEN = "strict-mistake";

let world: World;
let store: Store;
let apps: AppObserver;

beforeAll(async () => {
  world = await createWorld({
    redis: inject("redisUrl") !== null,
    rules: {
      xero: { accessTokenTtlMs: HALF_HOURS.lifetimes.accessTokenMs },
      quickbooks: { accessTokenTtlMs: SECONDS.lifetimes.accessTokenMs },
      strict: { accessTokenTtlMs: SECONDS.lifetimes.accessTokenMs },
    },
    env: { EVERGRANT_TICK_MS: "200" },
  });
  store = openStore({ databaseUrl: world.databaseUrl, applicationName: "test" });
  apps = observeApps(store);
  for (const { app, kind, descriptor } of WAVES) await world.addApp({ id: app, kind, descriptor });
  const descriptor = { ...SECONDS, ...defaultsWhere(2_000) };
  await world.addApp({ id: MISTAKEN, kind: "strict", provider: "books", descriptor });
  for (const id of [...WAVES.map(({ app }) => app), MISTAKEN]) await world.connect(id, CONNECTIONS, id);
  await start("scheduler", world.env);
  await Promise.all([start("worker", world.keyEnv), start("worker", world.keyEnv)]);
  await apps.refreshedByAll([...WAVES.map(({ app }) => app), MISTAKEN]);
});
afterAll(async () => {
  await stopAll();
  await store.close();
  await world.close();
});

describe.each(WAVES)(
  "30 % of an app's grants revoked in one minute and found $found",
  ({ app, minuteMs, descriptor }) => {
    test(
      "are held by its breaker, until an operator accepts it: then exactly these end",
      async () => {
        const left = await leaveWithin(app, minuteMs);
        await until("the breaker opens", async () => (await apps.breakerOf(app)).breakerReason === "rejections");
        await passes(descriptor.lifetimes.accessTokenMs + 2 * descriptor.strikeGapMs);
        expect(await apps.endedOf(app)).toEqual([]);
        expect(await apps.breakerOf(app)).toMatchObject({ breakerReason: "rejections" });
        const listed = await admin(["breaker", "list"], world.keyEnv);
        expect(listed.stdout).toContain(`evergrant breaker accept ${app}`);

        expect(await admin(["breaker", "accept", app], world.keyEnv)).toMatchObject({ code: 0 });
        const withinMs = 2 * descriptor.lifetimes.accessTokenMs + 3 * descriptor.strikeGapMs + 30_000;
        await until("they have ended", async () => (await apps.endedOf(app)).length >= left.length, withinMs);
        await apps.refreshedByAll([app], left);
        expect(await apps.endedOf(app)).toEqual(left);
        expect(await apps.breakerOf(app)).toMatchObject({ breakerState: "closed" });
        expect(await apps.eventsOf(app)).toEqual(["breaker_opened rejections", "breaker_closed accepted"]);
      },
      240_000 + 10 * minuteMs,
    );
  },
);

test("refusals that were our mistake open a breaker, end nobody however long they last, and it closes by itself when they stop", async () => {
  const untouched = await apps.statesOf(MISTAKEN);
  const body = JSON.stringify({ error: "invalid_grant" });
  const effect = { type: "status", status: 400, body } as const;
  const fault = await world.provider.setFault({ clientId: MISTAKEN, effect });
  await until("the breaker opens", async () => (await apps.breakerOf(MISTAKEN)).breakerReason === "rejections", 10_000);
  await passes(4 * 2_000);
  expect(await apps.statesOf(MISTAKEN)).toEqual(untouched);
  expect(await apps.breakerOf(MISTAKEN)).toMatchObject({ breakerReason: "rejections" });

  await world.provider.clearFaults(fault.id);
  await until("the breaker closes", async () => (await apps.breakerOf(MISTAKEN)).breakerState === "closed");
  await apps.refreshedByAll([MISTAKEN]);
  expect(await apps.statesOf(MISTAKEN)).toEqual(untouched);
  expect(await apps.eventsOf(MISTAKEN)).toEqual(["breaker_opened rejections", "breaker_closed probe"]);
  expect(await world.provider.audit(MISTAKEN)).toMatchObject({ alive: CONNECTIONS });
});

/** Customers leave evenly over the minute; tells who, in order. */
async function leaveWithin(app: string, minuteMs: number): Promise<string[]> {
  const startedAt = performance.now();
  const left: string[] = [];
  while (left.length < LEAVING) {
    const wanted = Math.min(LEAVING, Math.ceil((LEAVING * (performance.now() - startedAt)) / minuteMs));
    if (wanted > left.length) {
      const revoked = await world.provider.revoke({ clientId: app, count: wanted - left.length });
      left.push(...revoked.map(({ id }) => id));
    }
    await passes(Math.min(50, minuteMs / LEAVING));
  }
  process.stderr.write(
    `${left.length} of ${CONNECTIONS} left ${app} in ${Math.round(performance.now() - startedAt)} ms, `,
  );
  process.stderr.write(`${(await apps.endedOf(app)).length} had ended by then\n`);
  return left.toSorted();
}

/** Time that has to pass for its own sake: the proof that nothing happens. */
async function passes(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await until(`${ms} ms have passed`, () => performance.now() >= end, ms + 5_000);
}
