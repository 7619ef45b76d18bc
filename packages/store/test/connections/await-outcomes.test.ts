import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { awaitOutcomes, type RefreshAnswer } from "../../src/connections/await-outcomes.ts";
import { type RefreshTicket, requestRefresh } from "../../src/connections/request-refresh.ts";
import type { PrismaClient } from "../../src/generated/client.ts";
import { claim } from "../../src/refresh/claim.ts";
import { settle } from "../../src/refresh/settle.ts";
import { failureOf, openTestStore, successOf, type TestStore } from "../refresh/rows.ts";

const PATIENCE_MS = 10_000;

let { store, connect, close } = {} as TestStore;
beforeAll(async () => {
  ({ store, connect, close } = await openTestStore());
});
afterAll(() => close());
beforeEach(async () => {
  await store.prisma.connection.deleteMany();
  await store.prisma.refreshEvent.deleteMany();
});

async function outcomes(tickets: RefreshTicket[], timeoutMs = PATIENCE_MS): Promise<RefreshAnswer[]> {
  const answers: RefreshAnswer[] = [];
  for await (const answer of awaitOutcomes(store, tickets, { timeoutMs })) answers.push(answer);
  return answers;
}
const claimAll = (ids: string[]) => claim(store, ids, { holder: "worker", leaseMs: 30_000 });
const refresh = async (ids: string[]) =>
  settle(
    store,
    (await claimAll(ids)).map((item) => successOf(item)),
    "worker",
  );

test("an outcome from before the request is not taken for its answer", async () => {
  await connect("a");
  await refresh(["a"]);
  const tickets = await requestRefresh(store, ["a"], { maxAgeMs: 0 });
  expect(await outcomes(tickets, 200)).toEqual([]);
  const waiting = outcomes(tickets);
  await refresh(["a"]);
  expect(await waiting).toMatchObject([{ id: "a", outcome: "rotated", generation: 3, state: "active", reason: null }]);
});

test("a request that joined a refresh in flight is answered by it, also when it was settled meanwhile", async () => {
  await connect("a");
  const inFlight = await claimAll(["a"]);
  const tickets = await requestRefresh(store, ["a"]);
  expect(tickets).toMatchObject([{ verdict: "joined" }]);
  await settle(
    store,
    inFlight.map((item) => successOf(item)),
    "worker",
  );
  expect(await outcomes(tickets)).toMatchObject([{ id: "a", outcome: "rotated" }]);
});

test("a request answered by a refresh of a moment ago does not wait at all", async () => {
  await connect("a");
  await refresh(["a"]);
  const tickets = await requestRefresh(store, ["a"]);
  expect(await outcomes(tickets, 0)).toMatchObject([{ id: "a", outcome: "rotated", generation: 2 }]);
});

test("a failure is answered with what the provider said", async () => {
  await connect("a");
  const tickets = await requestRefresh(store, ["a"]);
  const evidence = { status: 400, requestId: "tid-1", error: "invalid_grant", errorDescription: null };
  const failed = {
    kind: "refresh_failed",
    outcome: "rejected",
    reason: "invalid_grant",
    cause: "unexplained",
    strikes: 1,
    failures: 1,
    retryInMs: 60_000,
    evidence,
  } as const;
  await settle(
    store,
    (await claimAll(["a"])).map((item) => failureOf(item, { events: [failed] })),
    "worker",
  );
  expect(await outcomes(tickets)).toMatchObject([
    {
      id: "a",
      outcome: "rejected",
      reason: "invalid_grant",
      status: 400,
      requestId: "tid-1",
      state: "active",
      generation: 1,
    },
  ]);
});

test("outcomes come as they happen, and what is late at the end of the time is left out", async () => {
  await Promise.all(["a", "b", "c"].map((id) => connect(id)));
  const tickets = await requestRefresh(store, ["a", "b", "c", "missing"]);
  const stream = awaitOutcomes(store, tickets, { timeoutMs: 2_000 });
  await refresh(["b"]);
  expect((await stream.next()).value).toMatchObject({ id: "b" });
  await refresh(["a"]);
  expect((await stream.next()).value).toMatchObject({ id: "a" });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("a thousand outcomes are looked for with one statement at a time", async () => {
  const ids = Array.from({ length: 1_000 }, (_, index) => `c-${index}`);
  await store.prisma.$executeRaw`
    INSERT INTO connection (id, app_id, mode, due_at) SELECT id, 'app', 'fresh', now() FROM unnest(${ids}::text[]) AS u(id)`;
  await store.prisma.$executeRaw`
    INSERT INTO token_set (connection_id, generation, refresh_token, fingerprint)
    SELECT id, 1, decode('01' || repeat('00', 40), 'hex'), decode(md5(id), 'hex') FROM connection`;
  const tickets = await requestRefresh(store, ids);
  await refresh(ids);

  let statements = 0;
  const counting = store.prisma.$extends({
    query: {
      $allOperations: ({ args, query }) => {
        statements += 1;
        return query(args);
      },
    },
  });
  let answers = 0;
  for await (const _ of awaitOutcomes({ prisma: counting as unknown as PrismaClient }, tickets, {
    timeoutMs: PATIENCE_MS,
  }))
    answers += 1;
  expect(answers).toBe(1_000);
  expect(statements).toBe(1);
});
