import { describe, expect, test } from "vitest";
import {
  type ConnectionSchedule,
  type Decision,
  decide,
  holdEnding,
  OUTCOME_KINDS,
  type Outcome,
} from "../src/index.ts";
import { connection, DAY, descriptor, failure, MINUTE, NOW, success } from "./samples.ts";

const after = (outcome: Outcome, row: Partial<ConnectionSchedule> = {}, now = NOW): Decision =>
  decide({ ...connection, ...row }, outcome, descriptor, { sentAt: now - 200, now });

describe("a grant ends only by the rule", () => {
  test("the first invalid_grant is a strike, and the second look comes after the gap", () => {
    const decision = after(failure("rejected"));
    expect(decision).toMatchObject({
      state: "active",
      strikes: 1,
      firstStrikeAt: NOW,
      dueAt: NOW + descriptor.strikeGapMs,
    });
  });

  test("a second invalid_grant after the gap ends it, with the cause, and nothing is due any more", () => {
    const decision = after(failure("rejected"), { strikes: 1, firstStrikeAt: NOW - MINUTE });
    expect(decision).toMatchObject({ state: "needs_reauth", dueAt: null, cause: "unexplained" });
    expect(decision.events.map((event) => event.kind)).toEqual(["refresh_failed", "needs_reauth"]);
  });

  test("a second invalid_grant before the gap has passed proves nothing", () => {
    const decision = after(failure("rejected"), { strikes: 1, firstStrikeAt: NOW - MINUTE + 1 });
    expect(decision).toMatchObject({ state: "active", strikes: 1, dueAt: NOW + 1 });
  });

  test.each(OUTCOME_KINDS.filter((kind) => !["rotated", "renewed", "rejected"].includes(kind)))(
    "%s never changes the state and counts no strike, however often it comes",
    (kind) => {
      const row = { strikes: 1, firstStrikeAt: NOW - DAY, failures: 1000 };
      const decision = after(failure(kind as "ambiguous"), row);
      expect(decision).toMatchObject({ state: "active", strikes: 1, failures: 1001 });
      expect(decision.dueAt).toBeGreaterThan(NOW);
    },
  );

  test("a success wipes strikes, failures and doubt, and says that it recovered", () => {
    const row = { strikes: 1, firstStrikeAt: NOW - 1, failures: 3, unknownSince: NOW - 5_000 };
    const decision = after(success(), row);
    expect(decision).toMatchObject({
      state: "active",
      strikes: 0,
      firstStrikeAt: null,
      failures: 0,
      unknownSince: null,
    });
    expect(decision.events).toEqual([{ kind: "recovered", failures: 3, unknownForMs: 5_000 }]);
  });
});

describe("an ending that is held", () => {
  const HOUR = 60 * MINUTE;
  const hold = (ageMs: number, row: Partial<ConnectionSchedule> = {}) => {
    const struck = { strikes: 1, firstStrikeAt: NOW - ageMs, ...row };
    return holdEnding(after(failure("rejected"), struck), { ...connection, ...struck }, NOW);
  };

  test("leaves the grant alive with one strike more, and tells that it was held and not that it ended", () => {
    const held = hold(MINUTE);
    expect(held).toMatchObject({ state: "active", strikes: 2, firstStrikeAt: NOW - MINUTE, cause: "unexplained" });
    expect(held.events).toMatchObject([
      { kind: "refresh_failed", strikes: 2, retryInMs: MINUTE },
      { kind: "ending_held" },
    ]);
  });

  test.each([
    [MINUTE, MINUTE],
    [40 * MINUTE, 40 * MINUTE],
    [5 * HOUR, HOUR],
  ])("%i ms after its first strike is looked at again in %i ms", (ageMs, waitMs) => {
    expect(hold(ageMs).dueAt).toBe(NOW + waitMs);
  });

  test("of a connection that nobody schedules is not scheduled by it", () => {
    expect(hold(MINUTE, { mode: "off" })).toMatchObject({ dueAt: null, events: [{ retryInMs: null }, {}] });
    expect(hold(MINUTE, { mode: "off", unknownSince: NOW - 1 }).dueAt).toBe(NOW + MINUTE);
  });

  test("ends with the next refusal that is believed", () => {
    const { strikes, firstStrikeAt } = hold(MINUTE);
    expect(after(failure("rejected"), { strikes, firstStrikeAt })).toMatchObject({ state: "needs_reauth", strikes: 3 });
  });

  test("is not ended by a probe, however many strikes it has", () => {
    const { strikes, firstStrikeAt } = hold(MINUTE);
    const times = { sentAt: NOW - 200, now: NOW, isProbe: true };
    const probed = decide({ ...connection, strikes, firstStrikeAt }, failure("rejected"), descriptor, times);
    expect(probed).toMatchObject({ state: "active", strikes: 2 });
  });
});

describe("expiries", () => {
  test("count from the moment the request left, not from the answer", () => {
    expect(after(success()).accessTokenExpiresAt).toBe(NOW - 200 + 30 * MINUTE);
  });

  test("a missing expires_in means the provider's usual lifetime, never forever", () => {
    expect(after(success({ expiresInMs: null })).accessTokenExpiresAt).toBe(
      NOW - 200 + descriptor.lifetimes.accessTokenMs,
    );
  });

  test("an answer without an access token is asked again soon, but not in a loop", () => {
    const decision = after(success({ accessToken: null }));
    expect(decision.accessTokenExpiresAt).toBeLessThanOrEqual(NOW);
    expect(decision.dueAt).toBe(NOW + descriptor.retry.firstMs);
  });

  test("a token that lives for a second is not refreshed in a loop", () => {
    expect(after(success({ expiresInMs: 1_000 })).dueAt).toBe(NOW + descriptor.retry.firstMs);
  });

  test("the hard end stays known when an answer does not repeat it", () => {
    const hard = NOW + 1000 * DAY;
    expect(after(success(), { grantHardExpiresAt: hard }).grantHardExpiresAt).toBe(hard);
  });
});

describe("causes", () => {
  test.each([
    ["hard_cap", { grantHardExpiresAt: NOW - 1, grantExpiresAt: NOW - 1 }],
    ["inactivity", { grantExpiresAt: NOW - 1 }],
    ["lost_answer", { unknownSince: NOW - MINUTE }],
    ["unexplained", {}],
  ])("%s", (cause, row) => {
    expect(after(failure("rejected"), row).cause).toBe(cause);
  });

  test("what may have rotated unseen is remembered from the first time on", () => {
    // From the sending on: that is where a grace window may begin.
    expect(after(failure("ambiguous")).unknownSince).toBe(NOW - 200);
    expect(after(failure("ambiguous"), { unknownSince: NOW - MINUTE }).unknownSince).toBe(NOW - MINUTE);
    expect(after(failure("unavailable")).unknownSince).toBeNull();
  });
});

describe("mode off", () => {
  test("is not scheduled after a success or a failure that somebody asked for", () => {
    expect(after(success(), { mode: "off" }).dueAt).toBeNull();
    expect(after(failure("unavailable"), { mode: "off" }).dueAt).toBeNull();
  });

  test("is asked again when a rotation may have been missed", () => {
    expect(after(failure("ambiguous"), { mode: "off" }).dueAt).toBeGreaterThan(NOW);
  });
});
