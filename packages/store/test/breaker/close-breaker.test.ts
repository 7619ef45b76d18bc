import { type OutcomeKind, STRIKES_TO_END } from "@evergrant/core";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { claim, closeBreaker, endProbe, openStore, readAnswers, settle, takeProbe } from "../../src/index.ts";
import { failureOf, openTestStore, type TestStore } from "../refresh/rows.ts";
import { breakerRows, databaseTime, MINUTE_MS, SECOND_MS } from "./breaker-rows.ts";

const policy = { windowMs: 5 * MINUTE_MS, rejectedShare: 0.5, acceptedShare: 0.9, acceptedForMs: 60 * MINUTE_MS };

let { store, close, databaseUrl } = {} as TestStore;
let rows: ReturnType<typeof breakerRows>;
beforeAll(async () => {
  const opened = await openTestStore();
  ({ store, close, databaseUrl } = opened);
  rows = breakerRows(opened);
});
afterAll(() => close());
beforeEach(() => rows.clear());

const openFor = async (breakerReason: string | null, over: object = {}) =>
  rows.app({
    breakerState: "open",
    breakerReason,
    breakerChangedAt: await rows.ago(MINUTE_MS),
    breakerProbeAt: await rows.ago(0),
    ...over,
  });
const closed = { breakerState: "closed", breakerReason: null, breakerProbeAt: null, breakerProbeId: null } as const;

describe("closed by an operator", () => {
  test("a breaker is closed, and journal and outbox say by whom and for how long it was open", async () => {
    await openFor("misconfigured", { breakerState: "half_open", breakerProbeId: "x" });
    expect(await closeBreaker(store, { appId: "app", by: "operator" })).toEqual({
      state: "half_open",
      reason: "misconfigured",
      closed: true,
      broughtForward: 0,
    });
    expect(await rows.readApp()).toMatchObject({ ...closed, breakerAcceptedAt: null });
    const said = { by: "operator", reason: "misconfigured" };
    expect(await rows.told()).toEqual([
      { kind: "breaker_closed", connectionId: null, detail: { ...said, openForMs: expect.closeTo(MINUTE_MS, -4) } },
      { kind: "app.breaker_closed", connectionId: null, payload: { app: "app", ...said } },
    ]);
  });

  test("a breaker is closed also while somebody holds the row of one that was refused", async () => {
    await rows.refused("held");
    await rows.refused("free");
    await openFor("rejections");
    const impatient = openStore({ databaseUrl, applicationName: "test", lockTimeoutMs: 50 });
    onTestFinished(() => impatient.close());
    await store.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM connection WHERE id = 'held' FOR UPDATE`;
      expect(await closeBreaker(impatient, { appId: "app", by: "operator" })).toMatchObject({ closed: true });
    });
    expect([(await rows.connection("held")).strikes, (await rows.connection("free")).strikes]).toEqual([1, 0]);
  });

  test("connections that the app's fault had put off are due at once, and no others", async () => {
    await rows.misconfigured("put-off", { dueInMs: 4 * MINUTE_MS });
    await rows.refreshed("regular", { dueInMs: 4 * MINUTE_MS });
    await rows.refused("struck", { dueInMs: 4 * MINUTE_MS });
    await rows.refused("struck-and-put-off", { dueInMs: 4 * MINUTE_MS });
    const lastOutcome = "misconfigured";
    await store.prisma.connection.update({ where: { id: "struck-and-put-off" }, data: { lastOutcome } });
    await openFor("misconfigured");
    expect(await closeBreaker(store, { appId: "app", by: "operator" })).toMatchObject({ broughtForward: 2 });
    const now = Date.now() + SECOND_MS;
    expect((await rows.connection("put-off")).dueAt?.getTime()).toBeLessThan(now);
    expect((await rows.connection("regular")).dueAt?.getTime()).toBeGreaterThan(now);
    // A strike that has nothing to do with the app's fault stands.
    expect(await rows.connection("struck-and-put-off")).toMatchObject({ strikes: 1, firstStrikeAt: expect.any(Date) });
    expect((await rows.connection("struck-and-put-off")).dueAt?.getTime()).toBeLessThan(now);
    expect(await rows.connection("struck")).toMatchObject({ strikes: 1 });
    expect((await rows.connection("struck")).dueAt?.getTime()).toBeGreaterThan(now);
  });

  test("the strikes of a wave are forgotten, so that it takes two new ones to end a grant", async () => {
    await rows.refused("struck", { dueInMs: 4 * MINUTE_MS });
    await rows.refused("ended");
    await store.prisma.connection.update({ where: { id: "ended" }, data: { state: "needs_reauth", dueAt: null } });
    await openFor("rejections");
    expect(await closeBreaker(store, { appId: "app", by: "operator" })).toMatchObject({ broughtForward: 1 });
    expect(await rows.connection("struck")).toMatchObject({ strikes: 0, firstStrikeAt: null, state: "active" });
    expect(await rows.connection("ended")).toMatchObject({ strikes: 1, state: "needs_reauth", dueAt: null });
  });

  test("what is closed already stays as it is, and an app that is gone is told apart", async () => {
    expect(await closeBreaker(store, { appId: "app", by: "operator" })).toMatchObject({
      state: "closed",
      closed: false,
    });
    expect(await closeBreaker(store, { appId: "gone", by: "operator" })).toBeNull();
    expect(await rows.told()).toEqual([]);
  });

  test("twice at once is told once", async () => {
    await openFor("misconfigured");
    const both = await Promise.all([1, 2].map(() => closeBreaker(store, { appId: "app", by: "operator" })));
    expect(both.filter((found) => found?.closed)).toHaveLength(1);
    expect(await rows.told()).toHaveLength(2);
  });
});

describe("accepted by an operator", () => {
  test("a wave's strikes stand, are looked at again at once, and it is no wave any more", async () => {
    await rows.refused("left", { dueInMs: MINUTE_MS });
    await store.prisma.connection.updateMany({ data: { createdAt: await rows.ago(MINUTE_MS) } });
    const before = await rows.connection("left");
    await openFor("rejections");
    expect(await closeBreaker(store, { appId: "app", by: "accepted" })).toMatchObject({ closed: true });
    expect(await rows.readApp()).toMatchObject({ ...closed, breakerAcceptedAt: expect.any(Date) });
    const { dueAt, ...after } = await rows.connection("left");
    expect(after).toEqual({ ...before, dueAt: undefined });
    expect(dueAt?.getTime()).toBeLessThanOrEqual(await databaseTime(store));
    expect(await readAnswers(store, "app", policy)).toMatchObject({ rejected: 0 });
  });

  test.each(["misconfigured", null])("a breaker that is open for something else is left alone (%s)", async (reason) => {
    await openFor(reason);
    const found = await closeBreaker(store, { appId: "app", by: "accepted" });
    expect(found).toMatchObject({ state: "open", reason, closed: false });
    expect(await rows.readApp()).toMatchObject({ breakerState: "open", breakerAcceptedAt: null });
  });
});

describe("the end of a probe", () => {
  const end = async (connectionId: string, outcome: OutcomeKind, claimedAt?: number) =>
    endProbe(store, { appId: "app", connectionId, outcome, claimedAt: claimedAt ?? (await databaseTime(store)) });
  const probing = (reason: string | null) => openFor(reason, { breakerState: "half_open", breakerProbeId: "probe" });

  test.each<[reason: "misconfigured" | "rejections", outcome: OutcomeKind, closes: boolean]>([
    ["misconfigured", "rotated", true],
    ["misconfigured", "renewed", true],
    ["misconfigured", "rejected", true],
    ["misconfigured", "misconfigured", false],
    ["misconfigured", "throttled", false],
    ["misconfigured", "unavailable", false],
    ["misconfigured", "ambiguous", false],
    ["rejections", "rotated", true],
    ["rejections", "renewed", true],
    ["rejections", "rejected", false],
    ["rejections", "misconfigured", false],
    ["rejections", "throttled", false],
    ["rejections", "unavailable", false],
    ["rejections", "ambiguous", false],
  ])("of a breaker open for %s, answered %s: closes is %s", async (reason, outcome, closes) => {
    await probing(reason);
    const nextProbe = (await rows.readApp()).breakerProbeAt;
    expect(await end("probe", outcome)).toBe(closes);
    const open = { breakerState: "open", breakerReason: reason, breakerProbeId: null, breakerProbeAt: nextProbe };
    expect(await rows.readApp()).toMatchObject(closes ? closed : open);
    expect(await rows.told()).toHaveLength(closes ? 2 : 0);
  });

  test("of a breaker whose reason nobody wrote down closes it by a success", async () => {
    await probing(null);
    expect(await end("probe", "rotated")).toBe(true);
  });

  test("that comes when another is under way closes by a success, and does not end the other one otherwise", async () => {
    await probing("misconfigured");
    expect(await end("earlier-one", "unavailable")).toBe(false);
    expect(await rows.readApp()).toMatchObject({ breakerState: "half_open", breakerProbeId: "probe" });
    expect(await end("earlier-one", "rotated")).toBe(true);
  });

  test("that was claimed before the breaker opened says nothing about afterwards", async () => {
    await probing("misconfigured");
    expect(await end("probe", "rotated", (await databaseTime(store)) - 2 * MINUTE_MS)).toBe(false);
    expect(await rows.readApp()).toMatchObject({ breakerState: "open" });
  });

  test("changes nothing once an operator has closed the breaker", async () => {
    expect(await end("probe", "rotated")).toBe(false);
    expect(await end("probe", "rejected")).toBe(false);
    expect(await rows.told()).toEqual([]);
  });

  test("that succeeds frees what it kept, and a rejected probe is never ended by it", async () => {
    await rows.refused("probe", { agoMs: 10 * MINUTE_MS });
    await rows.refused("fellow", { agoMs: 10 * MINUTE_MS, dueInMs: MINUTE_MS, triedAgoMs: SECOND_MS });
    await openFor("rejections");
    expect(await takeProbe(store, { appId: "app", probeMs: SECOND_MS })).toMatchObject({ connectionId: "probe" });
    const [claimed] = await claim(store, ["probe"], { holder: "worker", leaseMs: 30 * SECOND_MS });
    if (claimed === undefined) throw new Error("the probe could not be claimed");
    // As a worker that knew nothing of the breaker would settle it.
    const ending = failureOf(claimed, { state: "needs_reauth", strikes: STRIKES_TO_END, dueAt: null });
    expect(await settle(store, [ending], "worker")).toEqual(["held"]);
    expect(await rows.connection("probe")).toMatchObject({ state: "active", strikes: 1 });

    expect(await end("probe", "rejected")).toBe(false);
    await rows.app({ breakerProbeAt: await rows.ago(0) });
    expect(await takeProbe(store, { appId: "app", probeMs: SECOND_MS })).toMatchObject({ connectionId: "fellow" });
    expect(await end("fellow", "rotated")).toBe(true);
    expect(await rows.connection("probe")).toMatchObject({ strikes: 0, firstStrikeAt: null });
  });
});
