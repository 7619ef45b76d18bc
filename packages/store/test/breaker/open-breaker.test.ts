import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openBreaker } from "../../src/index.ts";
import { openTestStore, type TestStore } from "../refresh/rows.ts";
import { breakerRows, databaseTime, MINUTE_MS, SECOND_MS } from "./breaker-rows.ts";

let { store, close } = {} as TestStore;
let rows: ReturnType<typeof breakerRows>;
beforeAll(async () => {
  const opened = await openTestStore();
  ({ store, close } = opened);
  rows = breakerRows(opened);
});
afterAll(() => close());
beforeEach(() => rows.clear());

const open = async (over: { appId?: string; evidenceFrom?: number } = {}) =>
  openBreaker(store, {
    appId: "app",
    reason: "rejections",
    evidence: { rejected: 12, succeeded: 30 },
    evidenceFrom: await databaseTime(store),
    probeMs: 15 * SECOND_MS,
    ...over,
  });

describe("a breaker", () => {
  test("opens once, however many workers see the reason at once, and tells of it once", async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => open()));
    expect(opened.filter((first) => first)).toHaveLength(1);
    const evidence = { reason: "rejections", rejected: 12, succeeded: 30 };
    expect(await rows.told()).toEqual([
      { kind: "breaker_opened", connectionId: null, detail: evidence },
      { kind: "app.breaker_opened", connectionId: null, payload: { app: "app", ...evidence } },
    ]);
  });

  test("says why and since when it is open, and when its first probe is", async () => {
    const before = await databaseTime(store);
    await open();
    const app = await rows.readApp();
    expect(app).toMatchObject({ breakerState: "open", breakerReason: "rejections", breakerProbeId: null });
    const changedAt = app.breakerChangedAt?.getTime() ?? 0;
    expect(changedAt).toBeGreaterThanOrEqual(before);
    expect((app.breakerProbeAt?.getTime() ?? 0) - changedAt).toBeGreaterThanOrEqual(15 * SECOND_MS - 1);
    expect((app.breakerProbeAt?.getTime() ?? 0) - changedAt).toBeLessThan(16 * SECOND_MS);
  });

  test("that an operator has closed does not open for what was answered before", async () => {
    await rows.app({ breakerChangedAt: await rows.ago(MINUTE_MS) });
    expect(await open({ evidenceFrom: (await databaseTime(store)) - 2 * MINUTE_MS })).toBe(false);
    expect(await rows.told()).toEqual([]);
    expect(await open({ evidenceFrom: (await databaseTime(store)) - SECOND_MS })).toBe(true);
  });

  test("of an app that is gone is nobody's trouble", async () => {
    expect(await open({ appId: "gone" })).toBe(false);
  });
});
