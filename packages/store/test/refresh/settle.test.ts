import { withClient } from "@evergrant/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Claim, claim, isTimeout, nextCandidate, openStore, type SealedTokens, settle } from "../../src/index.ts";
import {
  bytes,
  failureOf,
  fingerprintOf,
  killLeases,
  makeDue,
  openTestStore,
  successOf,
  type TestStore,
  textOf,
  tokenText,
} from "./rows.ts";

let { store, databaseUrl, connect, close } = {} as TestStore;
beforeAll(async () => {
  ({ store, databaseUrl, connect, close } = await openTestStore());
});
afterAll(() => close());
beforeEach(async () => {
  await store.prisma.connection.deleteMany();
  await store.prisma.refreshTally.deleteMany();
  await store.prisma.refreshEvent.deleteMany();
  await store.prisma.outbox.deleteMany();
});

async function claimOne(id: string, holder = "one"): Promise<Claim> {
  const [item] = await claim(store, [id], { holder, leaseMs: 30_000 });
  if (item === undefined) throw new Error(`${id} could not be claimed`);
  return item;
}

async function rowOf(id: string) {
  const row = await store.prisma.connection.findUniqueOrThrow({
    where: { id },
    include: { tokenSet: true, intent: true },
  });
  const token = textOf(row.tokenSet?.refreshToken);
  return { ...row, token, generation: row.tokenSet?.generation };
}

function otherTokens(text: string): SealedTokens {
  return { refreshToken: bytes(text), accessToken: null, fingerprint: fingerprintOf(text), secretId: null };
}

describe("a success", () => {
  test("stores tokens, generation, schedule and tally together, and ends the intent", async () => {
    await connect("a");
    const mine = await claimOne("a");
    expect(await settle(store, [successOf(mine)], "p")).toEqual(["settled"]);
    const row = await rowOf("a");
    expect(row).toMatchObject({
      token: tokenText("a", 2),
      generation: 2,
      state: "active",
      intent: null,
      lastOutcome: "rotated",
    });
    expect(row.dueAt?.getTime()).toBe(mine.claimedAt + 60_000);
    expect(row.lastRefreshedAt).not.toBeNull();
    expect(await store.prisma.refreshTally.findMany()).toMatchObject([
      {
        appId: "app",
        outcome: "rotated",
        cause: "",
        process: "p",
        refreshes: 1n,
        durationMsSum: 12n,
        latenessMsSum: 34n,
      },
    ]);
  });

  test("whose access token is missing drops the old one at once", async () => {
    await connect("a");
    await settle(store, [successOf(await claimOne("a"))], "p");
    await makeDue(store);
    const settlement = successOf(await claimOne("a"));
    await settle(
      store,
      [{ ...settlement, tokens: settlement.tokens && { ...settlement.tokens, accessToken: null } }],
      "p",
    );
    expect((await rowOf("a")).tokenSet?.accessToken).toBeNull();
  });

  test("that comes a month late is stored all the same", async () => {
    await connect("a");
    const month = 31 * 86_400_000;
    const settlement = { ...successOf(await claimOne("a")), latenessMs: month, durationMs: month };
    expect(await settle(store, [settlement], "p")).toEqual(["settled"]);
    expect((await rowOf("a")).generation).toBe(2);
  });

  test("that is written again, because the commit's answer was lost, counts once", async () => {
    await connect("a");
    const settlement = successOf(await claimOne("a"));
    expect(await settle(store, [settlement], "p")).toEqual(["settled"]);
    expect(await settle(store, [settlement], "p")).toEqual(["repeated"]);
    expect((await rowOf("a")).generation).toBe(2);
    expect(await store.prisma.tokenCandidate.count()).toBe(0);
    expect((await store.prisma.refreshTally.findFirst())?.refreshes).toBe(1n);
  });
});

describe("a kept candidate", () => {
  const withCandidate = async () => {
    await connect("a");
    const sleeper = await claimOne("a");
    await killLeases(store);
    await settle(store, [{ ...successOf(await claimOne("a", "two")), tokens: otherTokens("newer") }], "two");
    await settle(store, [successOf(sleeper)], "one");
    await makeDue(store);
  };

  test("is handed to whoever holds the connection, marked as presented, and once", async () => {
    await withCandidate();
    const { intentId } = await claimOne("a");
    const lease = { connectionId: "a", intentId };
    const found = await nextCandidate(store, lease, []);
    expect(found).toMatchObject({ generation: 2 });
    expect(textOf(found?.refreshToken)).toBe(tokenText("a", 2));
    expect((await store.prisma.tokenCandidate.findFirstOrThrow()).presentedAt).not.toBeNull();
    expect(await nextCandidate(store, lease, [found?.id ?? 0n])).toBeNull();
  });

  test("is not handed to one whose lease was taken over", async () => {
    await withCandidate();
    const { intentId } = await claimOne("a");
    await killLeases(store);
    await claimOne("a", "two");
    expect(await nextCandidate(store, { connectionId: "a", intentId }, [])).toBeNull();
  });

  test("is forgotten when a later token set is stored, and not before", async () => {
    await withCandidate();
    const again = await claimOne("a");
    await settle(store, [failureOf(again)], "p");
    expect(await store.prisma.tokenCandidate.count()).toBe(1);
    await makeDue(store);
    await settle(store, [successOf(await claimOne("a"))], "p");
    expect(await store.prisma.tokenCandidate.count()).toBe(0);
  });
});

describe("a worker that wakes late", () => {
  test("cannot overwrite a newer token: its own is kept as a candidate", async () => {
    await connect("a");
    const sleeper = await claimOne("a");
    await killLeases(store);
    await settle(store, [successOf(await claimOne("a", "two"))], "two");
    const late = { ...successOf(sleeper), tokens: otherTokens("late") };
    expect(await settle(store, [late], "one")).toEqual(["stale"]);
    expect(await rowOf("a")).toMatchObject({ token: tokenText("a", 2), generation: 2 });
    const candidates = await store.prisma.tokenCandidate.findMany();
    expect(candidates.map((item) => textOf(item.refreshToken))).toEqual(["late"]);
    expect(await store.prisma.refreshEvent.findMany()).toMatchObject([{ kind: "candidate_kept", connectionId: "a" }]);
  });

  test("cannot harm the connection with its failure, before or after the other has settled", async () => {
    await connect("a");
    const sleeper = await claimOne("a");
    await killLeases(store);
    const other = await claimOne("a", "two");
    const deadly = failureOf(sleeper, { state: "needs_reauth", dueAt: null, strikes: 2 });
    expect(await settle(store, [deadly], "one")).toEqual(["stale"]);
    expect(await rowOf("a")).toMatchObject({ state: "active", strikes: 0, intent: { intentId: other.intentId } });
    expect(await settle(store, [successOf(other)], "two")).toEqual(["settled"]);
    expect(await settle(store, [deadly], "one")).toEqual(["stale"]);
    expect(await rowOf("a")).toMatchObject({ state: "active", strikes: 0, generation: 2 });
  });

  test("with the only token that works stores it, although another has taken over and presented a spent one", async () => {
    await connect("a");
    const sleeper = await claimOne("a");
    await killLeases(store);
    const other = await claimOne("a", "two");
    expect(await settle(store, [successOf(sleeper)], "one")).toEqual(["settled"]);
    expect(await rowOf("a")).toMatchObject({ token: tokenText("a", 2), generation: 2 });
    const deadly = failureOf(other, { state: "needs_reauth", dueAt: null, strikes: 2 });
    expect(await settle(store, [deadly], "two")).toEqual(["stale"]);
    expect(await rowOf("a")).toMatchObject({ state: "active", strikes: 0, generation: 2, intent: null });
  });

  test("brings a connection back that another's refusals ended: its customer need not reconnect", async () => {
    await connect("a");
    const sleeper = await claimOne("a");
    await killLeases(store);
    const deadly = failureOf(await claimOne("a", "two"), { state: "needs_reauth", dueAt: null, strikes: 1 });
    await settle(store, [deadly], "two");
    expect(await settle(store, [successOf(sleeper)], "one")).toEqual(["settled"]);
    expect(await rowOf("a")).toMatchObject({ state: "active", generation: 2, strikes: 0, stateReason: null });
    expect((await rowOf("a")).dueAt).not.toBeNull();
    expect(await store.prisma.refreshEvent.findMany()).toMatchObject([{ kind: "revived", connectionId: "a" }]);
    expect(await store.prisma.outbox.findMany({ orderBy: { id: "asc" } })).toMatchObject([
      { kind: "connection.needs_reauth" },
      { kind: "connection.active" },
    ]);
  });

  test("twice with the same late token leaves one candidate", async () => {
    await connect("a");
    const sleeper = await claimOne("a");
    await killLeases(store);
    await settle(store, [{ ...successOf(await claimOne("a", "two")), tokens: otherTokens("newer") }], "two");
    const late = successOf(sleeper);
    expect(await settle(store, [late], "one")).toEqual(["stale"]);
    expect(await settle(store, [late], "one")).toEqual(["stale"]);
    expect(await store.prisma.tokenCandidate.count()).toBe(1);
  });

  test("changes nothing after a reconnect that came in between", async () => {
    await connect("a");
    const before = await claimOne("a");
    await store.prisma.tokenSet.update({ where: { connectionId: "a" }, data: { generation: 2 } });
    expect(await settle(store, [failureOf(before)], "one")).toEqual(["stale"]);
    expect(await rowOf("a")).toMatchObject({ strikes: 0, intent: null });
  });
});

describe("a failure", () => {
  test("keeps the token set and writes schedule, strike and journal", async () => {
    await connect("a");
    const evidence = { status: 400, requestId: "r", error: "invalid_grant", errorDescription: null };
    const event = {
      kind: "refresh_failed",
      outcome: "rejected",
      reason: "invalid_grant",
      cause: "unexplained",
      strikes: 1,
      failures: 1,
      retryInMs: 60_000,
      evidence,
    } as const;
    await settle(store, [failureOf(await claimOne("a"), { failures: 1, events: [event] })], "p");
    expect(await rowOf("a")).toMatchObject({
      token: tokenText("a", 1),
      generation: 1,
      strikes: 1,
      failures: 1,
      intent: null,
    });
    const { kind, ...detail } = event;
    expect(await store.prisma.refreshEvent.findMany()).toMatchObject([
      { kind, connectionId: "a", generation: 1, detail },
    ]);
    expect(await store.prisma.refreshTally.findMany()).toMatchObject([{ outcome: "rejected", cause: "unexplained" }]);
  });

  test("that ends a grant says why, when, and tells the outbox, once", async () => {
    await connect("a");
    const settlement = failureOf(await claimOne("a"), { state: "needs_reauth", dueAt: null, strikes: 1 });
    await settle(store, [settlement], "p");
    await settle(store, [settlement], "p");
    expect(await rowOf("a")).toMatchObject({ state: "needs_reauth", stateReason: "unexplained", dueAt: null });
    expect(await store.prisma.outbox.findMany()).toMatchObject([
      {
        kind: "connection.needs_reauth",
        connectionId: "a",
        payload: { app: "app", cause: "unexplained" },
        deliveredAt: null,
      },
    ]);
  });
});

test("one stale settlement leaves its neighbours in the batch alone", async () => {
  for (const id of ["a", "b", "c"]) await connect(id);
  const claims = [await claimOne("a"), await claimOne("b"), await claimOne("c")];
  await store.prisma.tokenSet.update({ where: { connectionId: "b" }, data: { generation: 2 } });
  const results = await settle(
    store,
    claims.map((item) => successOf(item)),
    "p",
  );
  expect(results).toEqual(["settled", "stale", "settled"]);
  expect((await rowOf("c")).generation).toBe(2);
});

test("a row that somebody holds is not waited for longer than the store was told to", async () => {
  await connect("held");
  const settlement = successOf(await claimOne("held"));
  const impatient = openStore({ databaseUrl, applicationName: "test", lockTimeoutMs: 100 });
  await withClient(databaseUrl, async (holder) => {
    await holder.query("BEGIN");
    await holder.query("SELECT 1 FROM connection WHERE id = 'held' FOR UPDATE");
    const refusal = await settle(impatient, [settlement], "p").catch((error: unknown) => error);
    expect(isTimeout(refusal)).toBe(true);
    await holder.query("ROLLBACK");
  });
  expect(await settle(impatient, [settlement], "p")).toEqual(["settled"]);
  await impatient.close();
});

test("an empty batch asks the database nothing", async () => {
  expect(await settle({ prisma: undefined as never }, [], "p")).toEqual([]);
});
