import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Claim, claim, type SettleResult, type Store, settle } from "../../src/index.ts";
import {
  bytes,
  failureOf,
  fingerprintOf,
  killLeases,
  openTestStore,
  successOf,
  type TestStore,
  textOf,
  tokenText,
} from "./rows.ts";

let { store, connect, close } = {} as TestStore;
beforeAll(async () => {
  ({ store, connect, close } = await openTestStore());
});
afterAll(() => close());
beforeEach(() => store.prisma.connection.deleteMany());

async function claimOne(holder: string): Promise<Claim> {
  const [item] = await claim(store, ["a"], { holder, leaseMs: 30_000 });
  if (item === undefined) throw new Error("a could not be claimed");
  return item;
}

/** Two that hold the same generation: the second took over from the first. */
async function twoHolders(): Promise<{ readonly first: Claim; readonly second: Claim }> {
  await connect("a");
  const first = await claimOne("one");
  await killLeases(store);
  return { first, second: await claimOne("two") };
}

/** Settles one after the other, the later one begun before the earlier one is committed. */
async function settleAcross(
  earlier: Parameters<typeof settle>[1],
  later: Parameters<typeof settle>[1],
): Promise<readonly [SettleResult[], SettleResult[]]> {
  const { results, pending } = await store.prisma.$transaction(async (tx) => {
    const results = await settle({ prisma: tx as Store["prisma"] }, earlier, "one");
    const pending = settle(store, later, "two");
    await untilSomebodyWaits();
    return { results, pending };
  });
  return [results, await pending];
}

async function untilSomebodyWaits(): Promise<void> {
  const waiting = () => store.prisma.$queryRaw<unknown[]>`
    SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  await expect.poll(async () => (await waiting()).length, { timeout: 10_000 }).toBeGreaterThan(0);
}

const rowOf = async () => {
  const row = await store.prisma.connection.findUniqueOrThrow({ where: { id: "a" }, include: { tokenSet: true } });
  return { ...row, token: textOf(row.tokenSet?.refreshToken), generation: row.tokenSet?.generation };
};

describe("two that settle the same generation at the same moment", () => {
  test("both with a token set: one is stored, the other is kept as a candidate", async () => {
    const { first, second } = await twoHolders();
    const late = { refreshToken: bytes("late"), accessToken: null, fingerprint: fingerprintOf("late"), secretId: null };
    const results = await settleAcross([successOf(first)], [{ ...successOf(second), tokens: late }]);
    expect(results).toEqual([["settled"], ["stale"]]);
    expect(await rowOf()).toMatchObject({ generation: 2, token: tokenText("a", 2) });
    const candidates = await store.prisma.tokenCandidate.findMany();
    expect(candidates.map(({ refreshToken }) => textOf(refreshToken))).toEqual(["late"]);
  });

  test("a token set and a refusal: the refusal ends nothing", async () => {
    const { first, second } = await twoHolders();
    const deadly = failureOf(second, { state: "needs_reauth", dueAt: null, strikes: 2 });
    expect(await settleAcross([successOf(first)], [deadly])).toEqual([["settled"], ["stale"]]);
    expect(await rowOf()).toMatchObject({ state: "active", strikes: 0, generation: 2 });
  });

  test("one settlement twice, as after a commit whose answer was lost: it counts once", async () => {
    await connect("a");
    const settlement = successOf(await claimOne("one"));
    expect(await settleAcross([settlement], [settlement])).toEqual([["settled"], ["repeated"]]);
    expect(await rowOf()).toMatchObject({ generation: 2 });
    expect(await store.prisma.tokenCandidate.count()).toBe(0);
  });
});
