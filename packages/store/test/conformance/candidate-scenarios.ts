import { describe, expect, test } from "vitest";
import type { Claim } from "../../src/index.ts";
import { textOf } from "../refresh/rows.ts";
import type { Bench } from "./scenario-bench.ts";

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

    test("that its provider refused is forgotten", async () => {
      const { a, mine } = await withCandidates(["late"]);
      const candidate = await bench.under.store.nextCandidate(leaseOf(mine), []);
      await bench.under.store.dropCandidate(candidate?.id ?? 0n);
      await bench.under.store.dropCandidate(candidate?.id ?? 0n);
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
