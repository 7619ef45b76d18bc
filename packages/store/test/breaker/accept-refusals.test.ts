import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { acceptRefusals, readAnswers, readVouching } from "../../src/index.ts";
import { openTestStore, type TestStore } from "../refresh/rows.ts";
import { breakerRows, databaseTime, MINUTE_MS } from "./breaker-rows.ts";

const shares = { rejectedShare: 0.1, acceptedShare: 0.8 };

let { store, close } = {} as TestStore;
let rows: ReturnType<typeof breakerRows>;
beforeAll(async () => {
  const opened = await openTestStore();
  ({ store, close } = opened);
  rows = breakerRows(opened);
});
afterAll(() => close());
beforeEach(() => rows.clear());

test("accepted refusals are believed without vouchers, and looked at again at once", async () => {
  await rows.refused("left", { dueInMs: 60 * MINUTE_MS });
  await rows.refreshed("calm", { dueInMs: 60 * MINUTE_MS });
  expect(await readVouching(store, "left", shares)).not.toBeNull();
  expect(await acceptRefusals(store, "app")).toBe(1);
  expect(await readVouching(store, "left", shares)).toBeNull();
  const now = await databaseTime(store);
  expect((await rows.connection("left")).dueAt?.getTime()).toBeLessThanOrEqual(now);
  expect((await rows.connection("calm")).dueAt?.getTime()).toBeGreaterThan(now + 50 * MINUTE_MS);
  expect(await rows.told()).toEqual([{ kind: "refusals_accepted", connectionId: null, detail: { connections: 1 } }]);
});

test("a refusal that comes after the word was given is doubted as ever", async () => {
  await rows.refused("left");
  await acceptRefusals(store, "app");
  await rows.refused("later", { agoMs: 0 });
  expect(await readVouching(store, "later", shares)).toMatchObject({ rejected: 1, expected: 0 });
  const windowMs = 5 * MINUTE_MS;
  expect(await readAnswers(store, "app", { windowMs, ...shares })).toMatchObject({ rejected: 1 });
});

test("there is nothing to accept where nobody is in doubt, for an app that is gone, or while the breaker is open", async () => {
  expect(await acceptRefusals(store, "app")).toBe(0);
  expect(await acceptRefusals(store, "gone")).toBe(0);
  await rows.refused("struck", { dueInMs: MINUTE_MS });
  await rows.app({ breakerState: "open", breakerReason: "misconfigured" });
  const before = await rows.connection("struck");
  expect(await acceptRefusals(store, "app")).toBe(0);
  expect(await rows.connection("struck")).toEqual(before);
  expect(await rows.readApp()).toMatchObject({ breakerAcceptedAt: null });
  expect(await rows.told()).toEqual([]);
});
