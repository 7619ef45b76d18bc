import { describe, expect, test } from "vitest";
import { textOf, tokenText } from "../refresh/rows.ts";
import { type Bench, LEASE_MS } from "./scenario-bench.ts";

export function claimScenarios(bench: Bench): void {
  describe("a claim", () => {
    test("brings token, generation and schedule of what is due, and leaves an intent", async () => {
      const [a = "", b = ""] = await bench.connections(["a", "b"]);
      const { under } = bench;
      const claims = await under.store.claim([b, a, "unknown"], { holder: "one", leaseMs: LEASE_MS });
      expect(claims.map((item) => item.connection.id).sort()).toEqual([a, b]);
      const first = claims.find((item) => item.connection.id === a);
      expect(textOf(first?.refreshToken)).toBe(tokenText(a, 1));
      expect(first).toMatchObject({
        generation: 1,
        claimedAt: under.now(),
        dueAt: under.now() - 1_000,
        unsettledSince: null,
        isProbe: false,
        connection: { mode: "fresh", strikes: 0, firstStrikeAt: null, failures: 0, unknownSince: null },
      });
      expect((await under.connection(a)).intent).toEqual({
        generation: 1,
        holder: "one",
        claimedAt: under.now(),
        firstClaimedAt: under.now(),
        leaseExpiresAt: under.now() + LEASE_MS,
      });
    });

    test("named twice in one batch is granted once", async () => {
      const [a = ""] = await bench.connections(["a"]);
      expect(await bench.under.store.claim([a, a], { holder: "one", leaseMs: LEASE_MS })).toHaveLength(1);
    });

    test("excludes all others while its lease lives", async () => {
      const [a = ""] = await bench.connections(["a"]);
      await bench.claim(a);
      expect(await bench.canClaim(a)).toBe(false);
      await bench.under.pass(LEASE_MS);
      expect(await bench.canClaim(a)).toBe(false);
    });

    test("takes over a dead lease, and says since when the outcome is unknown, however often it dies", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const first = await bench.claim(a);
      await bench.leasesDie();
      const second = await bench.claim(a, "two");
      expect(second.intentId).not.toBe(first.intentId);
      expect(second).toMatchObject({ unsettledSince: first.claimedAt, connection: { unknownSince: first.claimedAt } });
      await bench.leasesDie();
      expect(await bench.claim(a, "three")).toMatchObject({ unsettledSince: first.claimedAt });
    });

    test("takes nothing over for a process that has just seen the database in trouble", async () => {
      const [a = ""] = await bench.connections(["a"]);
      await bench.claim(a);
      await bench.leasesDie();
      const options = { holder: "two", leaseMs: LEASE_MS };
      expect(await bench.under.store.claim([a], { ...options, mayTakeOver: false })).toEqual([]);
      expect(await bench.under.store.claim([a], { ...options, mayTakeOver: true })).toHaveLength(1);
    });

    test("from before a restart of the database is left to its holder for the time of a lease", async () => {
      const [a = ""] = await bench.connections(["a"]);
      await bench.claim(a);
      await bench.leasesDie();
      await bench.under.restart();
      await bench.under.pass(LEASE_MS);
      expect(await bench.canClaim(a)).toBe(false);
      await bench.under.pass(1);
      expect(await bench.canClaim(a)).toBe(true);
    });

    test("passes over what is not due yet, not wanted at all, or needs its customer", async () => {
      const [later = ""] = await bench.connections(["later"], { dueInMs: 1 });
      const [off = ""] = await bench.connections(["off"], { mode: "off" });
      const [ended = ""] = await bench.connections(["ended"]);
      await bench.settle(bench.end(await bench.claim(ended)));
      for (const id of [later, off, ended]) expect(await bench.canClaim(id)).toBe(false);
      await bench.under.pass(1);
      expect(await bench.canClaim(later)).toBe(true);
    });

    test("while the breaker is open is granted to nobody, and half-open to the probe alone, which is told so", async () => {
      const appId = await bench.app({ state: "open", reason: "misconfigured" });
      const [probe = "", other = ""] = await bench.connections(["probe", "other"], { appId });
      expect(await bench.canClaim(probe)).toBe(false);
      await bench.under.setBreaker(appId, { state: "half_open", reason: "misconfigured", probeId: probe });
      expect(await bench.canClaim(other)).toBe(false);
      expect(await bench.claim(probe)).toMatchObject({ isProbe: true });
    });
  });
}
