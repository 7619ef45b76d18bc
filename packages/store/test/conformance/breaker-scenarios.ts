import type { OutcomeKind } from "@evergrant/core";
import { describe, expect, test } from "vitest";
import type { Bench } from "./scenario-bench.ts";

const PROBE_MS = 15_000;

export function breakerScenarios(bench: Bench): void {
  const open = (appId: string, reason: "rejections" | "misconfigured", evidenceFrom = bench.under.now()) =>
    bench.under.store.openBreaker({ appId, reason, evidence: {}, evidenceFrom, probeMs: PROBE_MS });
  const takeProbe = (appId: string) => bench.under.store.takeProbe({ appId, probeMs: PROBE_MS });
  const strike = async (id: string) =>
    bench.settle(bench.fail(await bench.claim(id), { firstStrikeAt: bench.under.now(), dueAt: bench.under.now() }));
  const refuse = async (id: string) => {
    const failure = bench.fail(await bench.claim(id), {
      strikes: 0,
      firstStrikeAt: null,
      dueAt: bench.under.now() + 60_000,
    });
    return bench.settle({ ...failure, outcome: "misconfigured" });
  };
  /** Opens for the reason named, lets a probe's time come and takes it. */
  const probing = async (reason: "rejections" | "misconfigured") => {
    const appId = await bench.app();
    const [a = "", b = ""] = await bench.connections(["a", "b"], { appId });
    for (const id of [a, b]) await (reason === "rejections" ? strike(id) : refuse(id));
    await open(appId, reason);
    await bench.under.pass(PROBE_MS);
    const probe = await takeProbe(appId);
    if (probe.kind !== "try") throw new Error("There is nothing to try.");
    const claimed = await bench.claim(probe.connectionId);
    const answer = { appId, connectionId: probe.connectionId, claimedAt: claimed.claimedAt };
    return {
      appId,
      ids: [a, b],
      probe: probe.connectionId,
      end: (outcome: OutcomeKind) => bench.under.store.endProbe({ ...answer, outcome }),
    };
  };

  describe("a breaker", () => {
    test("opens once, says why, and lets no probe through before its time", async () => {
      const appId = await bench.app();
      await bench.connections(["a"], { appId });
      expect(await open(appId, "misconfigured")).toBe(true);
      expect(await open(appId, "rejections")).toBe(false);
      expect(await bench.under.app(appId)).toMatchObject({ state: "open", reason: "misconfigured" });
      expect(await bench.journalOf(appId)).toEqual(["breaker_opened"]);
      expect(await bench.outboxOf(appId)).toEqual(["app.breaker_opened"]);
      await bench.under.pass(PROBE_MS - 1);
      expect(await takeProbe(appId)).toEqual({ kind: "wait" });
    });

    test("does not open again on evidence from before it was closed", async () => {
      const appId = await bench.app();
      const before = bench.under.now();
      await open(appId, "misconfigured");
      await bench.under.pass(1_000);
      await bench.under.store.closeBreaker({ appId, by: "operator" });
      expect(await open(appId, "misconfigured", before)).toBe(false);
      expect(await open(appId, "misconfigured")).toBe(true);
    });

    test("half-open gives every scheduler the same probe, and a new one when that one's time is over", async () => {
      const { appId, ids, probe } = await probing("rejections");
      expect(await takeProbe(appId)).toEqual({ kind: "try", connectionId: probe });
      expect(await bench.under.app(appId)).toMatchObject({ state: "half_open", probeId: probe });
      await bench.under.pass(PROBE_MS);
      expect(await takeProbe(appId)).toEqual({ kind: "try", connectionId: ids.find((id) => id !== probe) });
    });

    test("after a wave tries only a connection that was refused", async () => {
      const appId = await bench.app();
      const [sound = "", struck = ""] = await bench.connections(["sound", "struck"], { appId });
      await bench.settle(bench.succeed(await bench.claim(sound), undefined, { dueAt: bench.under.now() }));
      await strike(struck);
      await open(appId, "rejections");
      await bench.under.pass(PROBE_MS);
      expect(await takeProbe(appId)).toEqual({ kind: "try", connectionId: struck });
    });

    test("opened for the app's own fault rather tries a connection that once worked than one that never did", async () => {
      const appId = await bench.app();
      const [never = "", once = ""] = await bench.connections(["never", "once"], { appId });
      await bench.settle(bench.succeed(await bench.claim(once), undefined, { dueAt: bench.under.now() + 3_600_000 }));
      await open(appId, "misconfigured");
      await bench.under.pass(PROBE_MS);
      expect(await takeProbe(appId)).toEqual({ kind: "try", connectionId: once });
      expect(await bench.canClaim(never)).toBe(false);
      expect(await bench.claim(once)).toMatchObject({ isProbe: true });
    });

    test("with no connection left to try says so", async () => {
      const appId = await bench.app();
      await bench.connections(["a"], { appId });
      await open(appId, "rejections");
      await bench.under.pass(PROBE_MS);
      expect(await takeProbe(appId)).toEqual({ kind: "nobody" });
      expect(await takeProbe(await bench.app())).toEqual({ kind: "closed" });
    });

    test.each(["rotated", "renewed"] as const)(
      "closes when its probe is %s, whatever it was open for",
      async (outcome) => {
        for (const reason of ["rejections", "misconfigured"] as const) {
          const { appId, end } = await probing(reason);
          expect(await end(outcome)).toBe(true);
          expect(await bench.under.app(appId)).toMatchObject({ state: "closed", reason: null, probeId: null });
          expect(await bench.journalOf(appId)).toEqual(["breaker_opened", "breaker_closed"]);
        }
      },
    );

    test("closes on a refused grant if it was open for the app's fault, and stays open if for a wave", async () => {
      const fault = await probing("misconfigured");
      expect(await fault.end("rejected")).toBe(true);
      const wave = await probing("rejections");
      expect(await wave.end("rejected")).toBe(false);
      expect(await bench.under.app(wave.appId)).toMatchObject({ state: "open", probeId: null });
    });

    test.each(["misconfigured", "throttled", "unavailable", "ambiguous"] as const)(
      "stays open when its probe is %s",
      async (outcome) => {
        const { appId, end } = await probing("misconfigured");
        expect(await end(outcome)).toBe(false);
        expect(await bench.under.app(appId)).toMatchObject({ state: "open", probeId: null });
      },
    );

    test("is not closed by an answer to a question from before it opened", async () => {
      const appId = await bench.app();
      const [a = ""] = await bench.connections(["a"], { appId });
      const { claimedAt } = await bench.claim(a);
      await bench.under.pass(1);
      await open(appId, "misconfigured");
      expect(await bench.under.store.endProbe({ appId, connectionId: a, outcome: "rotated", claimedAt })).toBe(false);
      expect(await bench.under.app(appId)).toMatchObject({ state: "open" });
    });

    test("that closes after a fault of the app makes due what that had put off", async () => {
      const { appId, ids } = await probing("misconfigured");
      expect(await bench.under.store.closeBreaker({ appId, by: "operator" })).toMatchObject({ closed: true });
      for (const id of ids) {
        expect((await bench.under.connection(id)).dueAt).toBeLessThanOrEqual(bench.under.now());
      }
    });

    test("that closes after a wave forgets the strikes; accepted, it leaves them to ripen", async () => {
      const mistake = await probing("rejections");
      await bench.under.store.closeBreaker({ appId: mistake.appId, by: "operator" });
      for (const id of mistake.ids)
        expect(await bench.under.connection(id)).toMatchObject({ strikes: 0, firstStrikeAt: null });

      const real = await probing("rejections");
      await bench.under.store.closeBreaker({ appId: real.appId, by: "accepted" });
      for (const id of real.ids) expect(await bench.under.connection(id)).toMatchObject({ strikes: 1 });
      expect(await bench.under.app(real.appId)).toMatchObject({ state: "closed", acceptedAt: bench.under.now() });
    });

    test("that closes after a wave forgets also the strike of a connection that nobody schedules, and leaves it unscheduled", async () => {
      const appId = await bench.app();
      const [a = ""] = await bench.connections(["a"], { appId });
      const firstStrikeAt = bench.under.now();
      await bench.settle(bench.fail(await bench.claim(a), { strikes: 1, firstStrikeAt, dueAt: null }));
      await open(appId, "rejections");
      await bench.under.store.closeBreaker({ appId, by: "operator" });
      expect(await bench.under.connection(a)).toMatchObject({ strikes: 0, firstStrikeAt: null, dueAt: null });
    });

    test("open for the app's fault cannot be accepted", async () => {
      const { appId } = await probing("misconfigured");
      expect(await bench.under.store.closeBreaker({ appId, by: "accepted" })).toMatchObject({ closed: false });
      expect(await bench.under.store.closeBreaker({ appId: "none", by: "operator" })).toBeNull();
    });
  });
}
