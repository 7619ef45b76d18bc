import type { AnswersInWindow, BreakerPolicy, FailureOutcome, Outcome, OutcomeKind } from "@evergrant/core";
import type { Claim, Settlement } from "@evergrant/store";
import { describe, expect, test } from "vitest";
import { type BreakerWatchParts, watchBreakers } from "../src/breaker-watch.ts";
import { UNDECRYPTABLE_TOKEN } from "../src/present-token.ts";

const CLAIMED_AT = Date.UTC(2026, 10, 21);
const READ_AT = CLAIMED_AT + 60_000;
const policy: BreakerPolicy = {
  windowMs: 300_000,
  leastRejected: 10,
  rejectedShare: 0.1,
  acceptedShare: 0.8,
  acceptedForMs: 86_400_000,
  leastMisconfigured: 3,
  probeMs: 15_000,
  vouchWithinMs: 86_400_000,
  vouchWithinRefusals: 8,
};
const calm: AnswersInWindow = { rejected: 1, expected: 0, succeeded: 20 };
const wave: AnswersInWindow = { rejected: 10, expected: 0, succeeded: 20 };

function world(over: Partial<BreakerWatchParts> = {}) {
  const calls: string[] = [];
  const opened: unknown[] = [];
  const closed: string[] = [];
  const errors: unknown[] = [];
  const parts: BreakerWatchParts = {
    policy: async () => policy,
    readAnswers: async (appId) => {
      calls.push(`read ${appId}`);
      return { ...calm, readAt: READ_AT };
    },
    open: async (opening) => {
      opened.push(opening);
      return true;
    },
    endProbe: async ({ connectionId, outcome }) => {
      calls.push(`end ${connectionId} ${outcome}`);
      return outcome === "rotated";
    },
    onOpened: (appId, reason) => void calls.push(`opened ${appId} ${reason}`),
    onClosed: (appId) => void closed.push(appId),
    onError: (error) => void errors.push(error),
    ...over,
  };
  return { watch: watchBreakers(parts), calls, opened, closed, errors };
}

function report(connectionId: string, kind: OutcomeKind, over: Partial<Claim> & { reason?: string } = {}) {
  const { reason = kind, ...claimed } = over;
  const evidence = { status: 400, requestId: null, error: null, errorDescription: null };
  const failed = { kind, reason, retryAfterMs: null, mayHaveRotated: false, evidence } as FailureOutcome;
  const claim = { appId: "app", claimedAt: CLAIMED_AT, isProbe: false, connection: { id: connectionId }, ...claimed };
  return { claim: claim as Claim, outcome: failed as Outcome };
}

function settlementOf(appId: string, state: "active" | "needs_reauth"): Settlement {
  return { appId, decision: { state, events: [] as Settlement["decision"]["events"] } } as Settlement;
}

describe("misconfigured", () => {
  test("opens the breaker of the app when enough connections were answered so in a row", async () => {
    const { watch, opened, calls } = world();
    for (const [index, id] of ["a", "b", "c"].entries()) {
      watch.note(report(id, "misconfigured", { claimedAt: CLAIMED_AT + index }));
    }
    await watch.idle();
    expect(opened).toEqual([
      {
        appId: "app",
        probeMs: 15_000,
        reason: "misconfigured",
        evidence: { misconfigured: 3 },
        // What was asked within moments of a closing may still be due to what was wrong before it.
        evidenceFrom: CLAIMED_AT - 3_000,
      },
    ]);
    expect(calls).toEqual(["opened app misconfigured"]);
  });

  test("of a thousand connections opens it once", async () => {
    const { watch, opened } = world({ policy: async () => ({ ...policy, leastMisconfigured: 1_000 }) });
    for (let index = 0; index < 1_000; index++) watch.note(report(`c${index}`, "misconfigured"));
    await watch.idle();
    expect(opened).toHaveLength(1);
  });

  test("counts anew after an opening, so that one late answer does not open it again", async () => {
    const { watch, opened } = world();
    for (const id of ["a", "b", "c"]) watch.note(report(id, "misconfigured"));
    await watch.idle();
    watch.note(report("d", "misconfigured"));
    await watch.idle();
    expect(opened).toHaveLength(1);
  });

  test.each(["rotated", "renewed", "rejected"] as const)("begins anew after %s", async (kind) => {
    const { watch, opened } = world();
    for (const id of ["a", "b"]) watch.note(report(id, "misconfigured"));
    watch.note(report("good", kind));
    for (const id of ["c", "d"]) watch.note(report(id, "misconfigured"));
    await watch.idle();
    expect(opened).toEqual([]);
  });

  test.each(["throttled", "unavailable", "ambiguous"] as const)("goes on after %s", async (kind) => {
    const { watch, opened } = world();
    for (const id of ["a", "b"]) watch.note(report(id, "misconfigured"));
    watch.note(report("x", kind));
    watch.note(report("c", "misconfigured"));
    await watch.idle();
    expect(opened).toHaveLength(1);
  });

  test("is counted for each app by itself", async () => {
    const { watch, opened } = world();
    for (const appId of ["one", "two", "three"]) watch.note(report(appId, "misconfigured", { appId }));
    await watch.idle();
    expect(opened).toEqual([]);
  });

  test("of one connection only, or of tokens that this worker cannot open, opens nothing", async () => {
    const { watch, opened } = world();
    for (let index = 0; index < 20; index++) watch.note(report("same", "misconfigured"));
    for (const id of ["a", "b", "c", "d"]) watch.note(report(id, "misconfigured", { reason: UNDECRYPTABLE_TOKEN }));
    await watch.idle();
    expect(opened).toEqual([]);
  });

  test("of an app that is gone opens nothing", async () => {
    const { watch, opened, errors } = world({ policy: async () => null });
    for (const id of ["a", "b", "c"]) watch.note(report(id, "misconfigured"));
    await watch.idle();
    expect([opened, errors]).toEqual([[], []]);
  });
});

describe("rejections", () => {
  test("are looked at after a rejection, and open the breaker when they are a wave", async () => {
    const { watch, opened } = world({ readAnswers: async () => ({ ...wave, readAt: READ_AT }) });
    watch.note(report("a", "rejected"));
    await watch.idle();
    expect(opened).toEqual([
      { appId: "app", probeMs: 15_000, reason: "rejections", evidence: wave, evidenceFrom: READ_AT },
    ]);
  });

  test("that are no wave open nothing", async () => {
    const { watch, opened, calls } = world();
    watch.note(report("a", "rejected"));
    await watch.idle();
    expect(calls).toEqual(["read app"]);
    expect(opened).toEqual([]);
  });

  test("by the thousand cost a look at a time, and the last one is looked at", async () => {
    let looks = 0;
    let running = 0;
    const { watch } = world({
      readAnswers: async () => {
        looks += 1;
        expect(++running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return { ...calm, readAt: READ_AT };
      },
    });
    for (let index = 0; index < 1_000; index++) watch.note(report(`c${index}`, "rejected"));
    await watch.idle();
    const before = looks;
    watch.note(report("last", "rejected"));
    await watch.idle();
    expect(before).toBeLessThanOrEqual(1_000 / 256 + 1);
    expect(looks).toBe(before + 1);
  });

  test.each(["rotated", "renewed", "throttled", "unavailable", "ambiguous"] as const)(
    "%s asks the database nothing",
    async (kind) => {
      const { watch, calls } = world();
      for (let index = 0; index < 100; index++) watch.note(report(`c${index}`, kind));
      await watch.idle();
      expect(calls).toEqual([]);
    },
  );
});

describe("before a settle", () => {
  test("that would end a grant its app is looked at, once, and the wave is there before the settle", async () => {
    const { watch, calls, opened } = world({
      readAnswers: async (appId) => {
        calls.push(`read ${appId}`);
        return appId === "b" ? { ...wave, readAt: READ_AT } : { ...calm, readAt: READ_AT };
      },
    });
    await watch.beforeSettle([
      settlementOf("a", "needs_reauth"),
      settlementOf("b", "needs_reauth"),
      settlementOf("b", "needs_reauth"),
      settlementOf("c", "active"),
    ]);
    expect(calls).toEqual(["read a", "read b", "opened b rejections"]);
    expect(opened).toMatchObject([{ appId: "b" }]);
  });

  test("whose ending nobody vouched for its app is looked at as well", async () => {
    const { watch, opened } = world({ readAnswers: async () => ({ ...wave, readAt: READ_AT }) });
    const held = settlementOf("a", "active");
    const events = [{ kind: "ending_held" }] as const;
    await watch.beforeSettle([{ ...held, decision: { ...held.decision, events } }]);
    expect(opened).toMatchObject([{ appId: "a" }]);
  });

  test("that ends none nothing is asked", async () => {
    const { watch, calls } = world();
    await watch.beforeSettle([settlementOf("a", "active")]);
    expect(calls).toEqual([]);
  });

  test("a look that fails is told and keeps nothing from being settled", async () => {
    const away = new Error("away");
    const { watch, errors } = world({ readAnswers: () => Promise.reject(away) });
    await watch.beforeSettle([settlementOf("a", "needs_reauth")]);
    expect(errors).toEqual([away]);
  });

  test("a look without an answer keeps tokens waiting for a second and no longer", async () => {
    const { watch } = world({ readAnswers: () => new Promise(() => {}) });
    const startedAt = performance.now();
    await watch.beforeSettle([settlementOf("a", "needs_reauth")]);
    expect(performance.now() - startedAt).toBeGreaterThan(990);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe("a probe", () => {
  test.each(["rotated", "rejected", "misconfigured", "throttled", "unavailable", "ambiguous"] as const)(
    "that was answered %s ends, and is no evidence for an opening",
    async (kind) => {
      const { watch, calls, opened, closed } = world();
      for (const id of ["a", "b", "c"]) watch.note(report(id, kind, { isProbe: true }));
      await watch.idle();
      expect(calls).toEqual(["a", "b", "c"].map((id) => `end ${id} ${kind}`));
      expect(opened).toEqual([]);
      expect(closed).toEqual(kind === "rotated" ? ["app", "app", "app"] : []);
    },
  );

  test("whose end cannot be written is told as an error and nothing else", async () => {
    const away = new Error("away");
    const { watch, errors, closed } = world({ endProbe: () => Promise.reject(away) });
    watch.note(report("a", "rotated", { isProbe: true }));
    await watch.idle();
    expect([errors, closed]).toEqual([[away], []]);
  });
});
