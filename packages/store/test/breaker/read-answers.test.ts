import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readAnswers } from "../../src/index.ts";
import { addApp, openTestStore, type TestStore } from "../refresh/rows.ts";
import { breakerRows, databaseTime, MINUTE_MS, SECOND_MS } from "./breaker-rows.ts";

const policy = { windowMs: 5 * MINUTE_MS, rejectedShare: 0.5, acceptedShare: 0.9, acceptedForMs: 60 * MINUTE_MS };

let { store, close } = {} as TestStore;
let rows: ReturnType<typeof breakerRows>;
beforeAll(async () => {
  const opened = await openTestStore();
  ({ store, close } = opened);
  rows = breakerRows(opened);
  await addApp(store, "other");
});
afterAll(() => close());
beforeEach(() => rows.clear());

const read = () => readAnswers(store, "app", policy);

describe("the answers of an app", () => {
  test("are counted by connection, each once, and with the database's time", async () => {
    await rows.refused("a");
    await rows.refused("b");
    await rows.refreshed("c");
    await rows.refused("of-another-app", { appId: "other" });
    const before = await databaseTime(store);
    const answers = await read();
    expect(answers).toMatchObject({ rejected: 2, succeeded: 1 });
    expect(answers?.readAt).toBeGreaterThanOrEqual(before);
    expect(answers?.readAt).toBeLessThanOrEqual(await databaseTime(store));
  });

  test("count a refusal that ended its grant, as long as it is in the window", async () => {
    const ended = { state: "needs_reauth", dueAt: null } as const;
    await rows.refused("young", { agoMs: 4 * MINUTE_MS });
    await rows.refused("old", { agoMs: 6 * MINUTE_MS });
    await store.prisma.connection.updateMany({ data: ended });
    expect(await read()).toMatchObject({ rejected: 1 });
  });

  test("count a refusal of any age whose second one is still to come: a fleet may have been away in between", async () => {
    await rows.refused("waiting", { agoMs: 60 * MINUTE_MS });
    await rows.refused("not-scheduled", { agoMs: 60 * MINUTE_MS });
    await store.prisma.connection.update({ where: { id: "not-scheduled" }, data: { mode: "off", dueAt: null } });
    expect(await read()).toMatchObject({ rejected: 1 });
  });

  test("count a refresh only in the window and while nothing was refused since", async () => {
    await rows.refused("x");
    await rows.refreshed("long-ago", { agoMs: 6 * MINUTE_MS });
    await rows.refused("refused-since");
    await store.prisma.connection.update({
      where: { id: "refused-since" },
      data: { lastRefreshedAt: await rows.ago(2 * SECOND_MS) },
    });
    expect(await read()).toMatchObject({ rejected: 2, succeeded: 0 });
  });

  test("stop counting refreshes where there are too many of them for a wave", async () => {
    await store.prisma.$executeRaw`
      INSERT INTO connection (id, app_id, mode, due_at, last_refreshed_at)
      SELECT 'good-' || n, 'app', 'fresh', now() + interval '1 min', now() FROM generate_series(1, 500) n`;
    expect(await read()).toMatchObject({ rejected: 0, succeeded: 1 });
    await rows.refused("a");
    await rows.refused("b");
    expect(await read()).toMatchObject({ rejected: 2, succeeded: 3 });
    // One per cent of 202 are more refused connections than two.
    expect(await readAnswers(store, "app", { ...policy, rejectedShare: 0.01 })).toMatchObject({ succeeded: 199 });
  });

  test("leave out what an operator has accepted, and expect more of it among those not refreshed since", async () => {
    await rows.refused("accepted", { agoMs: 2 * SECOND_MS });
    await rows.refused("found-later", { agoMs: 0 });
    await rows.refused("alive-then", { agoMs: 0 });
    await rows.refused("imported-since", { agoMs: 0 });
    await rows.refused("connected-since", { agoMs: 0 });
    const longAgo = await rows.ago(60 * MINUTE_MS);
    await store.prisma.connection.updateMany({ data: { createdAt: longAgo } });
    const others = { connectionId: { not: "connected-since" } };
    await store.prisma.tokenSet.updateMany({ where: others, data: { storedAt: longAgo } });
    await rows.app({ breakerAcceptedAt: await rows.ago(SECOND_MS) });
    const soon = await rows.ago(500);
    await store.prisma.connection.update({ where: { id: "alive-then" }, data: { lastRefreshedAt: soon } });
    await store.prisma.connection.update({ where: { id: "imported-since" }, data: { createdAt: soon } });
    expect(await read()).toMatchObject({ rejected: 4, expected: 1 });
    expect(await readAnswers(store, "app", { ...policy, acceptedForMs: 500 })).toMatchObject({ expected: 0 });
  });

  test("are not looked at when the breaker is not closed, nor for an app that is gone", async () => {
    await rows.app({ breakerState: "half_open" });
    expect(await read()).toBeNull();
    expect(await readAnswers(store, "gone", policy)).toBeNull();
  });
});
