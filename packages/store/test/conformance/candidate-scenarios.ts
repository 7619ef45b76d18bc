import { describe, expect, test } from "vitest";
import type { Claim } from "../../src/index.ts";
import { textOf, tokenText } from "../refresh/rows.ts";
import type { Bench } from "./scenario-bench.ts";

const GAP_MS = 60_000;
const leaseOf = ({ connection, intentId }: Claim) => ({ connectionId: connection.id, intentId });

export function candidateScenarios(bench: Bench): void {
  /** A connection that somebody woke up too late for, once for each token named; then it is claimed anew. */
  const withCandidates = async (tokens: readonly string[]) => {
    const [a = ""] = await bench.connections(["a"]);
    for (const token of tokens) {
      const late = await bench.claim(a, "sleeper");
      await bench.leasesDie();
      await bench.settle(bench.succeed(await bench.claim(a, "two"), undefined, { dueAt: bench.under.now() }));
      await bench.settle(bench.succeed(late, token), "sleeper");
    }
    return { a, mine: await bench.claim(a, "three") };
  };

  describe("a candidate", () => {
    test("is a token set that came too late; kept twice it is kept once", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      await bench.settle(bench.succeed(await bench.claim(a, "two")), "two");
      for (let time = 0; time < 2; time++) {
        expect(await bench.settle(bench.succeed(late, "late"))).toBe("stale");
      }
      expect((await bench.under.connection(a)).candidates).toHaveLength(1);
      expect(await bench.journalOf(a)).toEqual(["candidate_kept"]);
    });

    test("comes newest first, each once, and is marked before it is handed out", async () => {
      const first = await bench.connections(["x"]);
      const late = await bench.claim(first[0] ?? "");
      await bench.leasesDie();
      await bench.settle(bench.succeed(await bench.claim(first[0] ?? "", "two"), undefined, { dueAt: 0 }), "two");
      await bench.settle(bench.succeed(late, "one"));
      await bench.settle(bench.succeed(late, "two"));
      const mine = await bench.claim(first[0] ?? "", "three");
      const newest = await bench.under.store.nextCandidate(leaseOf(mine), []);
      expect(newest).toMatchObject({ generation: 2 });
      expect(textOf(newest?.refreshToken)).toBe("two");
      const { candidates } = await bench.under.connection(first[0] ?? "");
      expect(candidates.map(({ token, presentedAt }) => [token, presentedAt])).toEqual([
        ["two", bench.under.now()],
        ["one", null],
      ]);
      const next = await bench.under.store.nextCandidate(leaseOf(mine), [newest?.id ?? 0n]);
      expect(textOf(next?.refreshToken)).toBe("one");
      expect(await bench.under.store.nextCandidate(leaseOf(mine), [newest?.id ?? 0n, next?.id ?? 0n])).toBeNull();
    });

    test("is handed out to the holder of the lease alone", async () => {
      const { a, mine } = await withCandidates(["late"]);
      await bench.leasesDie();
      await bench.claim(a, "four");
      expect(await bench.under.store.nextCandidate(leaseOf(mine), [])).toBeNull();
    });

    /** Its provider refuses the one candidate of the connection. */
    const refuse = async (mine: Claim) => {
      const candidate = await bench.under.store.nextCandidate(leaseOf(mine), []);
      await bench.under.store.refuseCandidate({ id: candidate?.id ?? 0n, strikeGapMs: GAP_MS });
    };

    test("is forgotten at a second refusal, a while after the first", async () => {
      const { a, mine } = await withCandidates(["late"]);
      await refuse(mine);
      await bench.under.pass(GAP_MS - 1);
      await refuse(mine);
      expect((await bench.under.connection(a)).candidates).toHaveLength(1);
      await bench.under.pass(1);
      await refuse(mine);
      await refuse(mine);
      expect((await bench.under.connection(a)).candidates).toEqual([]);
    });

    test("that was refused in a wave that turned out to be our mistake counts as untried", async () => {
      const { a, mine } = await withCandidates(["late"]);
      await refuse(mine);
      const firstStrikeAt = bench.under.now();
      await bench.settle(bench.fail(mine, { strikes: 1, firstStrikeAt, dueAt: firstStrikeAt }));
      const appId = mine.appId;
      await bench.under.setBreaker(appId, { state: "open", reason: "rejections" });
      await bench.under.store.closeBreaker({ appId, by: "operator" });
      await bench.under.pass(GAP_MS);
      await refuse(await bench.claim(a));
      expect((await bench.under.connection(a)).candidates).toHaveLength(1);
    });

    test("that was not tried holds the end of its grant", async () => {
      const { a, mine } = await withCandidates(["late"]);
      expect(await bench.settle(bench.end(mine))).toBe("held");
      expect(await bench.under.connection(a)).toMatchObject({ state: "active", dueAt: bench.under.now() });
      const next = await bench.claim(a);
      await refuse(next);
      expect(await bench.settle(bench.end(next))).toBe("settled");
      expect(await bench.under.connection(a)).toMatchObject({ state: "needs_reauth" });
    });

    test("that came of the current token, or of one after it, tells that this one is spent", async () => {
      const { a, mine } = await withCandidates(["late"]);
      expect(mine.isSpent).toBe(false);
      await bench.settle(bench.fail(mine, { dueAt: bench.under.now() }));
      // A table restored from a backup during a refresh: the answer finds a generation that was before its own.
      await bench.settle(bench.succeed({ ...mine, generation: mine.generation + 1 }, "later"));
      expect(await bench.claim(a)).toMatchObject({ generation: mine.generation, isSpent: true });
    });

    test("that comes after the end of its grant revives it: it may be the living one", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a, "sleeper");
      await bench.leasesDie();
      await bench.settle(bench.succeed(await bench.claim(a, "two"), undefined, { dueAt: bench.under.now() }));
      await bench.settle(bench.end(await bench.claim(a, "two")));
      expect(await bench.settle(bench.succeed(late, "late"), "sleeper")).toBe("stale");
      expect(await bench.under.connection(a)).toMatchObject({ state: "active", strikes: 0, dueAt: bench.under.now() });
      expect(await bench.journalOf(a)).toEqual(["needs_reauth", "candidate_kept", "revived"]);
      expect(await bench.outboxOf(a)).toEqual(["connection.needs_reauth", "connection.active"]);
    });

    test("is not a token that was current once: it is spent, however late it comes again", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const dueNow = { dueAt: bench.under.now() };
      const first = bench.succeed(await bench.claim(a), "first", dueNow);
      expect(await bench.settle(first)).toBe("settled");
      for (let time = 0; time < 64; time++) await bench.settle(bench.succeed(await bench.claim(a), undefined, dueNow));
      expect(await bench.settle(first)).toBe("repeated");
      await bench.under.reconnect(a, "another grant");
      expect(await bench.settle(bench.succeed({ ...(await bench.claim(a)), generation: 1 }, tokenText(a, 3)))).toBe(
        "repeated",
      );
      expect((await bench.under.connection(a)).candidates).toEqual([]);
    });

    test("has no use once a refresh succeeds: all of them are forgotten", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a);
      await bench.leasesDie();
      await bench.settle(bench.succeed(await bench.claim(a, "two"), undefined, { dueAt: bench.under.now() }), "two");
      await bench.settle(bench.succeed(late, "late"));
      await bench.settle(bench.fail(await bench.claim(a), { dueAt: bench.under.now() }));
      expect((await bench.under.connection(a)).candidates).toHaveLength(1);
      await bench.settle(bench.succeed(await bench.claim(a)));
      expect((await bench.under.connection(a)).candidates).toEqual([]);
    });
  });
}
