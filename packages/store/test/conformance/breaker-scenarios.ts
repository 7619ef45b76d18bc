import type { OutcomeKind } from "@evergrant/core";
import { describe, expect, test } from "vitest";
import type { Bench } from "./scenario-bench.ts";

const PROBE_MS = 15_000;
const WINDOW = { windowMs: 300_000, rejectedShare: 0.1, acceptedShare: 0.5 };

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

    test("open for the app's fault cannot be accepted", async () => {
      const { appId } = await probing("misconfigured");
      expect(await bench.under.store.closeBreaker({ appId, by: "accepted" })).toMatchObject({ closed: false });
      expect(await bench.under.store.closeBreaker({ appId: "none", by: "operator" })).toBeNull();
    });
  });

  describe("what vouches for an app", () => {
    const SHARE = { rejectedShare: 0.2, acceptedShare: 0.5 };
    const read = (id: string) => bench.under.store.readVouching(id, SHARE);
    const refresh = async (id: string) =>
      bench.settle(bench.succeed(await bench.claim(id), undefined, { dueAt: bench.under.now() }));

    test("are the connections refreshed since one's own first refusal, no more than it takes", async () => {
      const appId = await bench.app();
      const ids = await bench.connections(["a", "b", "c", "d", "e", "f", "g"], { appId });
      const [own = "", before = "", ...rest] = ids;
      await refresh(before);
      await bench.under.pass(1_000);
      await strike(own);
      await bench.under.pass(1_000);
      // Four for each refusal; of the six others no more are counted.
      expect(await read(own)).toEqual({ rejected: 1, expected: 0, succeeded: 0, others: 4 });
      for (const id of rest.slice(0, 3)) await refresh(id);
      expect(await read(own)).toEqual({ rejected: 1, expected: 0, succeeded: 3, others: 4 });
      await refresh(before);
      await refresh(rest[3] ?? "");
      expect(await read(own)).toEqual({ rejected: 1, expected: 0, succeeded: 4, others: 4 });
    });

    test("are fewer with every other refusal, also one that came before, while it awaits its second", async () => {
      const appId = await bench.app();
      const [own = "", early = "", late = ""] = await bench.connections(["a", "b", "c"], { appId });
      await strike(early);
      await bench.under.pass(1_000);
      await strike(own);
      expect(await read(own)).toEqual({ rejected: 2, expected: 0, succeeded: 0, others: 2 });
      await bench.under.pass(1_000);
      await bench.settle(bench.end(await bench.claim(late)));
      expect(await read(own)).toEqual({ rejected: 3, expected: 0, succeeded: 0, others: 1 });
    });

    test("are asked for neither where an operator has accepted, nor while the breaker is open, nor without a refusal", async () => {
      const { appId, ids } = await probing("rejections");
      const [id = ""] = ids;
      expect(await read(id)).toBeNull();
      await bench.under.store.closeBreaker({ appId, by: "accepted" });
      expect(await read(id)).toBeNull();
      const other = await bench.app();
      const [calm = ""] = await bench.connections(["a"], { appId: other });
      expect(await read(calm)).toBeNull();
      expect(await read("none")).toBeNull();
    });
  });

  describe("answers in the window", () => {
    test("are one for each connection: refused, or refreshed and not refused since", async () => {
      const appId = await bench.app();
      const ids = await bench.connections(["a", "b", "c", "d"], { appId });
      for (const id of ids.slice(0, 3)) {
        for (let time = 0; time < 2; time++) {
          await bench.settle(bench.succeed(await bench.claim(id), undefined, { dueAt: bench.under.now() }));
        }
      }
      for (const id of ids.slice(2)) await strike(id);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toEqual({
        rejected: 2,
        expected: 0,
        succeeded: 2,
        readAt: bench.under.now(),
      });
    });

    test("no longer count when the window has passed, except a refusal that awaits the second", async () => {
      const appId = await bench.app();
      const [a = "", b = "", c = ""] = await bench.connections(["a", "b", "c"], { appId });
      await bench.settle(bench.succeed(await bench.claim(a)));
      await strike(b);
      await bench.settle(bench.end(await bench.claim(c)));
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 2, succeeded: 1 });
      await bench.under.pass(WINDOW.windowMs + 1);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 1, succeeded: 0 });
    });

    test("of those that an operator accepted do not count, until one of them is refreshed and refused again", async () => {
      const { appId, ids } = await probing("rejections");
      await bench.under.store.closeBreaker({ appId, by: "accepted" });
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 0 });
      await bench.leasesDie();
      const back = ids[0] ?? "";
      await bench.settle(bench.succeed(await bench.claim(back), undefined, { dueAt: bench.under.now() }));
      await strike(back);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 1 });
    });

    test("of those that are refused only after an acceptance count as expected, unless they were refreshed since", async () => {
      const { appId } = await probing("rejections");
      const [never = "", since = ""] = await bench.connections(["never", "since"], { appId });
      await bench.under.pass(1_000);
      await bench.under.store.closeBreaker({ appId, by: "accepted" });
      await bench.under.pass(1_000);
      await bench.settle(bench.succeed(await bench.claim(since), undefined, { dueAt: bench.under.now() }));
      await strike(never);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 1, expected: 1 });
      // One is expected, and takes one other; with the other refused too, that one takes nine.
      const shares = { rejectedShare: 0.1, acceptedShare: 0.5 };
      expect(await bench.under.store.readVouching(never, shares)).toMatchObject({
        rejected: 1,
        expected: 1,
        others: 1,
      });
      await strike(since);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 2, expected: 1 });
      expect(await bench.under.store.readVouching(since, shares)).toMatchObject({
        rejected: 2,
        expected: 1,
        others: 3,
      });
    });

    test("are not looked at while the breaker is not closed", async () => {
      const appId = await bench.app({ state: "open", reason: "misconfigured" });
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toBeNull();
      expect(await bench.under.store.readAnswers("none", WINDOW)).toBeNull();
    });
  });
}
