import { describe, expect, test } from "vitest";
import { tokenText } from "../refresh/rows.ts";
import { type Bench, LEASE_MS } from "./scenario-bench.ts";

const DAY_MS = 86_400_000;
/** A token comes into a store only once. */
const anotherGrant = (id: string) => `another grant of ${id}`;

export function settleScenarios(bench: Bench): void {
  describe("a success", () => {
    test("stores tokens, the next generation and the schedule together, and ends the intent", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const mine = await bench.claim(a);
      await bench.under.pass(1_234);
      const times = { dueAt: bench.under.now() + 1, accessTokenExpiresAt: bench.under.now() + 2 };
      const limits = { grantExpiresAt: bench.under.now() + 3, grantHardExpiresAt: bench.under.now() + 4 };
      expect(await bench.settle(bench.succeed(mine, "new", { ...times, ...limits }))).toBe("settled");
      expect(await bench.under.connection(a)).toMatchObject({
        ...times,
        ...limits,
        state: "active",
        generation: 2,
        token: "new",
        hasAccessToken: true,
        intent: null,
        strikes: 0,
        failures: 0,
        lastOutcome: "rotated",
        lastAttemptAt: bench.under.now(),
        lastRefreshedAt: bench.under.now(),
      });
    });

    test("whose commit went unheard is recognised when it is written again, also after a later refresh of the same", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const settlement = bench.succeed(await bench.claim(a));
      expect(await bench.settle(settlement)).toBe("settled");
      const before = await bench.under.connection(a);
      expect(await bench.settle(settlement)).toBe("repeated");
      expect(await bench.under.connection(a)).toEqual(before);
    });

    test("is counted once, however often it is written", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const mine = await bench.claim(a);
      for (let time = 0; time < 3; time++) await bench.settle(bench.succeed(mine));
      expect((await bench.under.tally())[`${mine.appId} rotated`]).toBe(1);
    });

    test("with the only token that works settles although another has taken over, whose failure is then dropped", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      const other = await bench.claim(a, "two");
      expect(await bench.settle(bench.succeed(late))).toBe("settled");
      const { intent } = await bench.under.connection(a);
      expect(intent).toMatchObject({ holder: "two" });
      expect(await bench.settle(bench.end(other), "two")).toBe("stale");
      expect(await bench.under.connection(a)).toMatchObject({
        state: "active",
        generation: 2,
        strikes: 0,
        intent: null,
      });
    });

    test("revives a connection that another's refusals have ended meanwhile, and tells of it", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      await bench.settle(bench.end(await bench.claim(a, "two")), "two");
      expect(await bench.under.connection(a)).toMatchObject({ state: "needs_reauth", dueAt: null });
      const dueAt = bench.under.now() + DAY_MS;
      expect(await bench.settle(bench.succeed(late, "alive", { dueAt }))).toBe("settled");
      expect(await bench.under.connection(a)).toMatchObject({ state: "active", token: "alive", dueAt, strikes: 0 });
      expect(await bench.journalOf(a)).toEqual(["needs_reauth", "revived"]);
      expect(await bench.outboxOf(a)).toEqual(["connection.needs_reauth", "connection.active"]);
    });

    test("that brought no new refresh token gives way to whoever took over", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      const other = await bench.claim(a, "two");
      const before = await bench.under.connection(a);
      expect(await bench.settle(bench.renew(late))).toBe("stale");
      expect(await bench.under.connection(a)).toEqual(before);
      expect(await bench.settle(bench.succeed(other, "rotated"), "two")).toBe("settled");
      expect(await bench.settle(bench.renew(late))).toBe("stale");
      // Not even as a candidate: its token is spent.
      expect(await bench.under.connection(a)).toMatchObject({ generation: 2, token: "rotated", candidates: [] });
    });

    test("that brought no new refresh token for a candidate gives way too, and leaves it a candidate", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      const other = await bench.claim(a, "two");
      const before = await bench.under.connection(a);
      expect(await bench.settle(bench.renew(late, "the candidate"))).toBe("stale");
      const { candidates, ...after } = await bench.under.connection(a);
      expect({ ...after, candidates: [] }).toEqual(before);
      expect(candidates).toMatchObject([{ token: "the candidate" }]);
      expect(await bench.settle(bench.succeed(other, "its successor"), "two")).toBe("settled");
      expect(await bench.under.connection(a)).toMatchObject({ token: "its successor", candidates: [] });
    });

    test("of a generation that is no longer the latest changes nothing", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      await bench.settle(bench.succeed(await bench.claim(a, "two")), "two");
      const { candidates: _, ...before } = await bench.under.connection(a);
      expect(await bench.settle(bench.succeed(late, "too late"))).toBe("stale");
      const { candidates, ...after } = await bench.under.connection(a);
      expect(after).toEqual(before);
      expect(candidates).toEqual([{ generation: 1, token: "too late", presentedAt: null }]);
    });
  });

  describe("a failure", () => {
    test("keeps the token set, writes schedule and strikes, and ends the intent", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const mine = await bench.claim(a);
      const firstStrikeAt = bench.under.now();
      const dueAt = firstStrikeAt + 60_000;
      const unknownSince = firstStrikeAt - 5;
      expect(await bench.settle(bench.fail(mine, { dueAt, firstStrikeAt, unknownSince, failures: 3 }))).toBe("settled");
      expect(await bench.under.connection(a)).toMatchObject({
        generation: 1,
        token: tokenText(a, 1),
        dueAt,
        strikes: 1,
        firstStrikeAt,
        failures: 3,
        unknownSince,
        lastOutcome: "rejected",
        lastRefreshedAt: null,
        intent: null,
      });
    });

    test("of a holder whose lease was taken over is dropped, before the other has settled and after", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      const other = await bench.claim(a, "two");
      const before = await bench.under.connection(a);
      expect(await bench.settle(bench.end(late))).toBe("stale");
      expect(await bench.under.connection(a)).toEqual(before);
      expect(await bench.settle(bench.succeed(other), "two")).toBe("settled");
      expect(await bench.settle(bench.end(late))).toBe("stale");
      expect(await bench.under.connection(a)).toMatchObject({ state: "active", generation: 2, strikes: 0 });
    });

    test("that comes after the lease has died, but before anybody took over, still counts", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const mine = await bench.claim(a);
      await bench.leasesDie();
      expect(await bench.settle(bench.fail(mine))).toBe("settled");
    });

    test("that ends a grant says so once, in the journal and to the product", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const settlement = bench.end(await bench.claim(a));
      expect(await bench.settle(settlement)).toBe("settled");
      expect(await bench.settle(settlement)).toBe("stale");
      expect(await bench.under.connection(a)).toMatchObject({
        state: "needs_reauth",
        stateReason: "unexplained",
        dueAt: null,
        strikes: 1,
      });
      expect(await bench.journalOf(a)).toEqual(["needs_reauth"]);
      expect(await bench.outboxOf(a)).toEqual(["connection.needs_reauth"]);
    });

    test("of a wave ends nothing and strikes nobody once the breaker has closed on it, whoever wrote it down late", async () => {
      const appId = await bench.app();
      const [late = "", first = ""] = await bench.connections(["late", "first"], { appId });
      const firstStrikeAt = bench.under.now();
      const unheard = bench.fail(await bench.claim(first), { strikes: 1, firstStrikeAt });
      await bench.settle(bench.fail(await bench.claim(late), { strikes: 1, firstStrikeAt, dueAt: firstStrikeAt }));
      const again = bench.end(await bench.claim(late));
      const opening = { reason: "rejections", evidence: {}, evidenceFrom: firstStrikeAt, probeMs: 15_000 } as const;
      await bench.under.store.openBreaker({ appId, ...opening });
      await bench.under.pass(1_000);
      await bench.under.store.closeBreaker({ appId, by: "operator" });
      expect(await bench.settle({ ...again, decision: { ...again.decision, firstStrikeAt } })).toBe("held");
      expect(await bench.settle(unheard)).toBe("settled");
      for (const id of [late, first]) {
        expect(await bench.under.connection(id)).toMatchObject({ state: "active", strikes: 0, firstStrikeAt: null });
      }
    });

    test("of a wave does not come back either when the breaker is open again for something else by then", async () => {
      const appId = await bench.app();
      const [a = ""] = await bench.connections(["a"], { appId });
      const firstStrikeAt = bench.under.now();
      await bench.settle(bench.fail(await bench.claim(a), { strikes: 1, firstStrikeAt, dueAt: firstStrikeAt }));
      await bench.under.pass(1);
      const late = bench.fail(await bench.claim(a), { strikes: 2, firstStrikeAt });
      const open = (reason: "rejections" | "misconfigured") =>
        bench.under.store.openBreaker({
          appId,
          reason,
          evidence: {},
          evidenceFrom: bench.under.now(),
          probeMs: 15_000,
        });
      await open("rejections");
      await bench.under.store.closeBreaker({ appId, by: "operator" });
      await open("misconfigured");
      expect(await bench.settle(late)).toBe("settled");
      expect(await bench.under.connection(a)).toMatchObject({ strikes: 0, firstStrikeAt: null });
    });

    test("that would end a grant is held while the app's breaker is not closed", async () => {
      const [a = ""] = await bench.connections(["a"]);
      await bench.settle(bench.fail(await bench.claim(a), { dueAt: bench.under.now() }));
      const mine = await bench.claim(a);
      await bench.under.setBreaker(mine.appId, { state: "open", reason: "rejections" });
      expect(await bench.settle(bench.end(mine))).toBe("held");
      expect(await bench.under.connection(a)).toMatchObject({
        state: "active",
        strikes: 1,
        failures: 2,
        dueAt: bench.under.now(),
        intent: null,
      });
      expect(await bench.journalOf(a)).toEqual(["ending_held"]);
      expect(await bench.outboxOf(a)).toEqual([]);
    });

    test("that ends nothing is written as usual while the breaker is open", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const mine = await bench.claim(a);
      await bench.under.setBreaker(mine.appId, { state: "open", reason: "misconfigured" });
      expect(await bench.settle(bench.fail(mine, { strikes: 0, firstStrikeAt: null }))).toBe("settled");
    });
  });

  describe("a batch", () => {
    test("with a stale settlement leaves its neighbours alone, and answers in order", async () => {
      const ids = await bench.connections(["c", "a", "b"]);
      const claims = [];
      for (const id of ids) claims.push(await bench.claim(id));
      await bench.under.reconnect(ids[1] ?? "", anotherGrant(ids[1] ?? ""));
      const results = await bench.under.store.settle(
        claims.map((item) => bench.succeed(item)),
        "one",
      );
      expect(results).toEqual(["settled", "stale", "settled"]);
    });

    test("with two token sets of one connection loses neither", async () => {
      const [a = "", b = ""] = await bench.connections(["a", "b"]);
      const neighbour = await bench.claim(b);
      const late = await bench.claim(a);
      await bench.leasesDie();
      const other = await bench.claim(a, "two");
      const batch = [bench.succeed(late, "one"), bench.succeed(neighbour), bench.succeed(other, "another")];
      expect(await bench.under.store.settle(batch, "one")).toEqual(["settled", "settled", "stale"]);
      const { token, generation, candidates } = await bench.under.connection(a);
      expect([token, generation, candidates.map((kept) => kept.token)]).toEqual(["one", 2, ["another"]]);
    });

    test("that is empty does nothing", async () => {
      expect(await bench.under.store.settle([], "one")).toEqual([]);
    });
  });

  describe("a reconnect", () => {
    test("brings a dead connection back without a past, due at once", async () => {
      const [a = ""] = await bench.connections(["a"]);
      await bench.settle(bench.end(await bench.claim(a)));
      await bench.under.reconnect(a, anotherGrant(a));
      expect(await bench.under.connection(a)).toMatchObject({
        state: "active",
        stateReason: "reconnected",
        generation: 2,
        token: anotherGrant(a),
        strikes: 0,
        failures: 0,
        unknownSince: null,
        dueAt: bench.under.now(),
      });
      expect(await bench.claim(a)).toMatchObject({ generation: 2, unsettledSince: null });
    });

    test("fences off an answer to the old grant: neither its success nor its failure changes the row", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const before = await bench.claim(a);
      await bench.under.reconnect(a, anotherGrant(a));
      expect(await bench.settle(bench.end(before))).toBe("stale");
      expect(await bench.settle(bench.succeed(before, "of the old grant"))).toBe("stale");
      expect(await bench.under.connection(a)).toMatchObject({ state: "active", token: anotherGrant(a), generation: 2 });
    });

    test("does not let go of a lease that a later claim holds", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const before = await bench.claim(a);
      await bench.under.reconnect(a, anotherGrant(a));
      await bench.claim(a, "two");
      await bench.settle(bench.fail(before));
      expect((await bench.under.connection(a)).intent).toMatchObject({ holder: "two" });
      await bench.under.pass(LEASE_MS);
      expect(await bench.canClaim(a)).toBe(false);
    });
  });
}
