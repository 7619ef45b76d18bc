import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { claim, settle } from "../../src/index.ts";
import { failureOf, openTestStore, successOf, type TestStore } from "./rows.ts";

let { store, connect, close } = {} as TestStore;
beforeAll(async () => {
  ({ store, connect, close } = await openTestStore());
});
afterAll(() => close());
beforeEach(async () => {
  await store.prisma.connection.deleteMany();
  await store.prisma.refreshEvent.deleteMany();
});

async function claimOne(id: string) {
  const [item] = await claim(store, [id], { holder: "one", leaseMs: 30_000 });
  if (item === undefined) throw new Error(`${id} could not be claimed`);
  return item;
}

const rowOf = (id: string) =>
  store.prisma.connection.findUniqueOrThrow({ where: { id }, include: { tokenSet: true, intent: true } });

describe("while the app's breaker is not closed", () => {
  const inDoubt = (state: "open" | "half_open" | "closed") =>
    store.prisma.oAuthApp.update({ where: { id: "app" }, data: { breakerState: state, breakerChangedAt: null } });
  afterEach(() => inDoubt("closed"));

  test.each(["open", "half_open"] as const)("(%s) no grant is ended, and the strike does not ripen", async (state) => {
    await connect("a");
    const deadly = failureOf(await claimOne("a"), { state: "needs_reauth", dueAt: null, strikes: 1, failures: 2 });
    await inDoubt(state);
    expect(await settle(store, [deadly], "p")).toEqual(["held"]);
    const row = await rowOf("a");
    expect(row).toMatchObject({ state: "active", strikes: 0, failures: 2, intent: null, lastOutcome: "rejected" });
    expect(row.dueAt).not.toBeNull();
    expect(await store.prisma.outbox.count()).toBe(0);
    expect(await store.prisma.refreshEvent.findMany()).toMatchObject([{ kind: "ending_held", connectionId: "a" }]);
  });

  test("a strike that was voided while the second refusal was under way ends nothing either", async () => {
    const closedAt = new Date();
    await store.prisma.oAuthApp.update({ where: { id: "app" }, data: { breakerChangedAt: closedAt } });
    const struck = { strikes: 2, firstStrikeAt: closedAt.getTime() - 60_000 };
    for (const id of ["a", "b"]) await connect(id);
    const deadly = failureOf(await claimOne("a"), { state: "needs_reauth", dueAt: null, ...struck });
    const unvouched = failureOf(await claimOne("b"), { ...struck, strikes: 1 });
    expect(await settle(store, [deadly, unvouched], "p")).toEqual(["held", "settled"]);
    for (const id of ["a", "b"]) {
      expect(await rowOf(id)).toMatchObject({ state: "active", strikes: 0, firstStrikeAt: null });
    }
  });

  test("one that comes late does not bring its strike back either when the breaker is open again", async () => {
    await connect("a");
    const mine = await claimOne("a");
    const unvouched = failureOf(mine, { strikes: 2, firstStrikeAt: mine.claimedAt - 60_000 });
    await inDoubt("open");
    expect(await settle(store, [unvouched], "p")).toEqual(["settled"]);
    expect(await rowOf("a")).toMatchObject({ state: "active", strikes: 0, firstStrikeAt: null });
  });

  test("a success is stored all the same", async () => {
    await connect("a");
    const mine = await claimOne("a");
    await inDoubt("open");
    expect(await settle(store, [successOf(mine)], "p")).toEqual(["settled"]);
    expect(await rowOf("a")).toMatchObject({ tokenSet: { generation: 2 } });
  });
});
