import { describe, expect, test } from "vitest";
import type { Claim } from "../../src/index.ts";
import { type Bench, LEASE_MS } from "./scenario-bench.ts";

const leaseOf = ({ connection, intentId }: Claim) => ({ connectionId: connection.id, intentId });

export function leaseScenarios(bench: Bench): void {
  describe("a lease", () => {
    test("that is renewed goes on excluding others", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const lease = leaseOf(await bench.claim(a));
      await bench.under.pass(LEASE_MS - 1);
      expect(await bench.under.store.renewLeases([lease], LEASE_MS)).toEqual(new Set([lease.intentId]));
      await bench.under.pass(LEASE_MS - 1);
      expect(await bench.canClaim(a)).toBe(false);
    });

    test("that is late but was not taken over is still its holder's", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const lease = leaseOf(await bench.claim(a));
      await bench.leasesDie();
      expect(await bench.under.store.isLeaseAlive(lease, 0)).toBe(false);
      expect(await bench.under.store.renewLeases([lease], LEASE_MS)).toEqual(new Set([lease.intentId]));
      expect(await bench.under.store.isLeaseAlive(lease, 0)).toBe(true);
    });

    test("is alive only with the margin that is asked for", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const lease = leaseOf(await bench.claim(a));
      expect(await bench.under.store.isLeaseAlive(lease, LEASE_MS - 1)).toBe(true);
      expect(await bench.under.store.isLeaseAlive(lease, LEASE_MS)).toBe(false);
    });

    test("that another took over can neither be renewed nor counts as alive", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const lease = leaseOf(await bench.claim(a));
      await bench.leasesDie();
      const other = leaseOf(await bench.claim(a, "two"));
      expect(await bench.under.store.renewLeases([lease, other], LEASE_MS)).toEqual(new Set([other.intentId]));
      expect(await bench.under.store.isLeaseAlive(lease, 0)).toBe(false);
    });

    test("ends when whoever was taken over comes home with the next token: there is nothing left to ask", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const late = await bench.claim(a, "sleeper");
      await bench.leasesDie();
      const mine = leaseOf(await bench.claim(a, "two"));
      expect(await bench.under.store.isLeaseAlive(mine, 0)).toBe(true);
      expect(await bench.settle(bench.succeed(late, "home", { dueAt: bench.under.now() }), "sleeper")).toBe("settled");
      expect(await bench.under.store.isLeaseAlive(mine, 0)).toBe(false);
      expect(await bench.canClaim(a)).toBe(true);
    });

    test("ends with the settle", async () => {
      const [a = ""] = await bench.connections(["a"]);
      const mine = await bench.claim(a);
      await bench.settle(bench.fail(mine));
      expect(await bench.under.store.renewLeases([leaseOf(mine)], LEASE_MS)).toEqual(new Set());
    });
  });
}
