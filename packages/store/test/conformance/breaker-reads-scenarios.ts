import { describe, expect, test } from "vitest";
import type { Bench } from "./scenario-bench.ts";

const PROBE_MS = 15_000;
const DAY_MS = 86_400_000;
const WINDOW = { windowMs: 300_000, rejectedShare: 0.1, acceptedShare: 0.5, acceptedForMs: DAY_MS };

/** What a breaker, and an ending, are decided from. */
export function breakerReadsScenarios(bench: Bench): void {
  const strike = async (id: string) =>
    bench.settle(bench.fail(await bench.claim(id), { firstStrikeAt: bench.under.now(), dueAt: bench.under.now() }));
  /** An app whose two connections were refused, with its breaker open for that. */
  const wave = async () => {
    const appId = await bench.app();
    const ids = await bench.connections(["a", "b"], { appId });
    for (const id of ids) await strike(id);
    const opening = { reason: "rejections", evidence: {}, evidenceFrom: bench.under.now(), probeMs: PROBE_MS } as const;
    await bench.under.store.openBreaker({ appId, ...opening });
    return { appId, ids };
  };

  describe("what vouches for an app", () => {
    const SHARE = { rejectedShare: 0.2, acceptedShare: 0.5, acceptedForMs: DAY_MS };
    const read = (connectionId: string, secretId: bigint | null = null) =>
      bench.under.store.readVouching({ connectionId, secretId }, SHARE);
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
      expect(await read(own)).toEqual({ rejected: 1, expected: 0, succeeded: 0, others: 4, isSetBack: false });
      for (const id of rest.slice(0, 3)) await refresh(id);
      expect(await read(own)).toEqual({ rejected: 1, expected: 0, succeeded: 3, others: 4, isSetBack: false });
      await refresh(before);
      await refresh(rest[3] ?? "");
      expect(await read(own)).toEqual({ rejected: 1, expected: 0, succeeded: 4, others: 4, isSetBack: false });
    });

    test("are missed also where nobody is asked by a schedule: a mistake of ours reaches those as well", async () => {
      const appId = await bench.app();
      const [own = ""] = await bench.connections(["a", "b"], { appId });
      await bench.connections(["c", "d"], { appId, mode: "off" });
      await strike(own);
      expect(await read(own)).toMatchObject({ succeeded: 0, others: 3 });
    });

    test("are not those refreshed with another client secret: it is not theirs that was refused", async () => {
      const appId = await bench.app();
      const [own = "", other = ""] = await bench.connections(["a", "b"], { appId });
      await strike(own);
      await bench.under.pass(1_000);
      await refresh(other);
      expect(await read(own)).toMatchObject({ succeeded: 1, others: 1 });
      expect(await read(own, 7n)).toMatchObject({ succeeded: 0, others: 1 });
    });

    test("are fewer with every other refusal, also one that came before, while it awaits its second", async () => {
      const appId = await bench.app();
      const [own = "", early = "", late = ""] = await bench.connections(["a", "b", "c"], { appId });
      await strike(early);
      await bench.under.pass(1_000);
      await strike(own);
      expect(await read(own)).toEqual({ rejected: 2, expected: 0, succeeded: 0, others: 2, isSetBack: false });
      await bench.under.pass(1_000);
      await bench.settle(bench.end(await bench.claim(late)));
      expect(await read(own)).toEqual({ rejected: 3, expected: 0, succeeded: 0, others: 1, isSetBack: false });
    });

    test("are asked for also while the breaker is open: it may have closed again before the ending is written", async () => {
      const { ids } = await wave();
      expect(await read(ids[0] ?? "")).toMatchObject({ rejected: 2, succeeded: 0 });
    });

    test("cannot speak for a token set that was put back from a backup", async () => {
      const [own = ""] = await bench.connections(["a"], { appId: await bench.app() });
      const backedUpAt = bench.under.now();
      await bench.under.pass(1_000);
      await refresh(own);
      await strike(own);
      expect(await read(own)).toMatchObject({ isSetBack: false });
      await bench.under.restoreBackup(own, backedUpAt);
      expect(await read(own)).toMatchObject({ isSetBack: true });
      await bench.under.reconnect(own, "consented anew");
      await strike(own);
      expect(await read(own)).toMatchObject({ isSetBack: false });
    });

    test("are asked for neither where an operator has accepted, nor without a refusal", async () => {
      const { appId, ids } = await wave();
      const [id = ""] = ids;
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
      const { appId, ids } = await wave();
      await bench.under.store.closeBreaker({ appId, by: "accepted" });
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 0 });
      await bench.leasesDie();
      const back = ids[0] ?? "";
      await bench.settle(bench.succeed(await bench.claim(back), undefined, { dueAt: bench.under.now() }));
      await strike(back);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 1 });
    });

    test("are expected among those left by an acceptance neither when it is long ago nor of one that was connected since", async () => {
      const { appId } = await wave();
      const [silent = "", back = ""] = await bench.connections(["silent", "back"], { appId });
      await bench.under.pass(1_000);
      await bench.under.store.closeBreaker({ appId, by: "accepted" });
      await bench.under.pass(1_000);
      await bench.under.reconnect(back, "another grant of back");
      for (const id of [silent, back]) await strike(id);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 2, expected: 1 });
      const briefly = { ...WINDOW, acceptedForMs: 1_000 };
      expect(await bench.under.store.readAnswers(appId, briefly)).toMatchObject({ rejected: 2, expected: 0 });
    });

    test("of those that are refused only after an acceptance count as expected, unless they were refreshed since", async () => {
      const { appId } = await wave();
      const [never = "", since = ""] = await bench.connections(["never", "since"], { appId });
      await bench.under.pass(1_000);
      await bench.under.store.closeBreaker({ appId, by: "accepted" });
      await bench.under.pass(1_000);
      await bench.settle(bench.succeed(await bench.claim(since), undefined, { dueAt: bench.under.now() }));
      await strike(never);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 1, expected: 1 });
      // One is expected, and takes one other; with the other refused too, that one takes nine.
      expect(await bench.under.store.readVouching({ connectionId: never, secretId: null }, WINDOW)).toMatchObject({
        rejected: 1,
        expected: 1,
        others: 1,
      });
      await strike(since);
      expect(await bench.under.store.readAnswers(appId, WINDOW)).toMatchObject({ rejected: 2, expected: 1 });
      expect(await bench.under.store.readVouching({ connectionId: since, secretId: null }, WINDOW)).toMatchObject({
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
