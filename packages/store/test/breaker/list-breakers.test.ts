import { afterAll, beforeAll, expect, test } from "vitest";
import { listBreakers } from "../../src/index.ts";
import { addApp, openTestStore, type TestStore } from "../refresh/rows.ts";
import { breakerRows, MINUTE_MS, SECOND_MS } from "./breaker-rows.ts";

let { store, connect, close } = {} as TestStore;
let rows: ReturnType<typeof breakerRows>;
beforeAll(async () => {
  const opened = await openTestStore();
  ({ store, connect, close } = opened);
  rows = breakerRows(opened);
});
afterAll(() => close());

test("every app's breaker is listed, and what waits for one that is not closed", async () => {
  await addApp(store, "broken");
  await connect("due-elsewhere");
  await connect("due", { appId: "broken" });
  await connect("later", { appId: "broken", dueInMs: MINUTE_MS });
  await rows.refused("refused", { appId: "broken" });
  await rows.refused("ended", { appId: "broken" });
  await store.prisma.connection.update({ where: { id: "ended" }, data: { state: "needs_reauth", dueAt: null } });
  const breakerChangedAt = await rows.ago(MINUTE_MS);
  const breakerProbeAt = await rows.ago(-SECOND_MS);
  const open = { breakerState: "open", breakerReason: "rejections", breakerChangedAt, breakerProbeAt } as const;
  await rows.app(open, "broken");

  const still = { held: 0, refused: 0, changedAt: null, nextProbeAt: null, reason: null };
  expect(await listBreakers(store)).toEqual([
    { appId: "app", provider: "xero", state: "closed", ...still },
    {
      appId: "broken",
      provider: "xero",
      state: "open",
      reason: "rejections",
      changedAt: breakerChangedAt.getTime(),
      nextProbeAt: breakerProbeAt.getTime(),
      held: 2,
      refused: 1,
    },
  ]);
});
