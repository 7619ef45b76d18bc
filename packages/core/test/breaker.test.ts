import { describe, expect, test } from "vitest";
import {
  type BreakerPolicy,
  continueRun,
  isMisconfigured,
  isVouchedFor,
  isWave,
  type MisconfiguredRun,
  NO_MISCONFIGURED_RUN,
  OUTCOME_KINDS,
  type OutcomeKind,
  reasonsDisproved,
} from "../src/index.ts";

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

describe("a wave of rejections", () => {
  test.each([
    ["enough of them, and the share", 10, 90, true],
    ["enough of them, a smaller share", 10, 91, false],
    ["the share, too few of them", 9, 0, false],
    ["all of a large app", 500, 0, true],
    ["a large number that is a small share", 100, 5_000, false],
    ["nothing at all", 0, 0, false],
  ])("%s: %i refused and %i refreshed is %s", (_, rejected, succeeded, expected) => {
    expect(isWave({ rejected, expected: 0, succeeded }, policy)).toBe(expected);
  });

  test.each([
    ["a third leaves", 100, 100, 200, false],
    ["nearly all are refused: that is no leaving", 10, 10, 2, true],
    ["nine are refused: too few to tell", 9, 9, 0, false],
    ["ten that were refreshed since are refused, besides those expected", 40, 30, 60, true],
    ["nine that were refreshed since are refused, besides those expected", 39, 30, 60, false],
  ])("after an acceptance, when %s: %i refused, %i of them expected, %i refreshed is %s", (_, ...row) => {
    const [rejected, expected, succeeded, isOne] = row;
    expect(isWave({ rejected, expected, succeeded }, policy)).toBe(isOne);
  });

  test("never is none of all, whatever a policy says", () => {
    expect(isWave({ rejected: 1, expected: 0, succeeded: 0 }, { ...policy, leastRejected: 1, rejectedShare: 1 })).toBe(
      true,
    );
    expect(isWave({ rejected: 1, expected: 0, succeeded: 1 }, { ...policy, leastRejected: 1, rejectedShare: 1 })).toBe(
      false,
    );
  });
});

describe("refusals of an app are believed", () => {
  const newest = { isSetBack: false };

  test.each([
    ["nobody was refreshed since", 1, 0, 200, false],
    ["one short of nine in ten", 1, 8, 200, false],
    ["nine in ten were refreshed", 1, 9, 200, true],
    ["each refusal takes its own nine", 2, 17, 200, false],
    ["each refusal has its own nine", 2, 18, 200, true],
    ["all others there are were refreshed", 1, 4, 4, true],
    ["one of the others was not", 1, 3, 4, false],
    ["the others were refused as well", 5, 0, 4, false],
    ["there are no others", 1, 0, 0, true],
  ])("%s: %i refused, %i refreshed of %i others is %s", (_, rejected, succeeded, others, expected) => {
    expect(isVouchedFor({ ...newest, rejected, expected: 0, succeeded, others }, policy)).toBe(expected);
  });

  test("after an acceptance by fewer, but never by nobody while there are others", () => {
    const vouchedBy = (succeeded: number) =>
      isVouchedFor({ ...newest, rejected: 8, expected: 8, succeeded, others: 100 }, policy);
    expect([0, 1, 2, 3].map(vouchedBy)).toEqual([false, false, true, true]);
    expect(isVouchedFor({ ...newest, rejected: 1, expected: 1, succeeded: 0, others: 5 }, policy)).toBe(false);
  });

  test("never of a token that came from a backup, whoever vouches", () => {
    const others = { rejected: 1, expected: 0, succeeded: 200, others: 200 };
    expect(isVouchedFor({ ...others, isSetBack: false }, policy)).toBe(true);
    expect(isVouchedFor({ ...others, isSetBack: true }, policy)).toBe(false);
  });

  test("wherever they are no wave in the making, and nowhere else", () => {
    const grown = { ...policy, leastRejected: 1 };
    for (let rejected = 1; rejected < 30; rejected += 1) {
      for (let succeeded = 0; succeeded < 300; succeeded += 1) {
        const atTheEdge = rejected === policy.rejectedShare * (rejected + succeeded);
        const believed = isVouchedFor({ ...newest, rejected, expected: 0, succeeded, others: 1_000 }, policy);
        if (!atTheEdge) expect(believed).toBe(!isWave({ rejected, expected: 0, succeeded }, grown));
      }
    }
  });
});

describe("a run of misconfigured answers", () => {
  type Answer = readonly [connectionId: string, outcome: OutcomeKind];
  const run = (...answers: readonly Answer[]): MisconfiguredRun =>
    answers.reduce(
      (soFar, [connectionId, outcome], index) =>
        continueRun(soFar, { connectionId, outcome, claimedAt: 1_000 + index }),
      NO_MISCONFIGURED_RUN,
    );
  const opens = (...answers: readonly Answer[]) => isMisconfigured(run(...answers), policy);

  test("of enough connections opens the breaker", () => {
    expect(opens(["a", "misconfigured"], ["b", "misconfigured"])).toBe(false);
    expect(opens(["a", "misconfigured"], ["b", "misconfigured"], ["c", "misconfigured"])).toBe(true);
  });

  test("of one connection with a fault of its own never does, however often it is tried", () => {
    expect(opens(...Array.from({ length: 50 }, () => ["a", "misconfigured"] as const))).toBe(false);
  });

  test.each(OUTCOME_KINDS)("after two of them, %s of a third connection", (outcome) => {
    const { connectionIds } = run(["a", "misconfigured"], ["b", "misconfigured"], ["c", outcome]);
    const expected: Record<OutcomeKind, number> = {
      // The server has accepted the client.
      rotated: 0,
      renewed: 0,
      rejected: 0,
      misconfigured: 3,
      // These say nothing about it.
      throttled: 2,
      unavailable: 2,
      ambiguous: 2,
    };
    expect(connectionIds.size).toBe(expected[outcome]);
  });

  test("dates from its first answer, in whatever order they come", () => {
    expect(run().since).toBeNull();
    expect(run(["a", "misconfigured"], ["b", "misconfigured"]).since).toBe(1_000);
    const late = continueRun(run(["a", "misconfigured"]), {
      connectionId: "b",
      outcome: "misconfigured",
      claimedAt: 5,
    });
    expect(late.since).toBe(5);
    expect(run(["a", "misconfigured"], ["b", "rotated"], ["c", "misconfigured"]).since).toBe(1_002);
  });

  test("is not changed by what is made of it", () => {
    const before = run(["a", "misconfigured"]);
    continueRun(before, { connectionId: "b", outcome: "misconfigured", claimedAt: 2 });
    expect([...before.connectionIds]).toEqual(["a"]);
    expect(NO_MISCONFIGURED_RUN).toEqual({ connectionIds: new Set(), since: null });
  });
});

test("the answer to a probe disproves what it can: a refresh everything, a refused grant that the client is at fault", () => {
  const disproved = Object.fromEntries(OUTCOME_KINDS.map((outcome) => [outcome, reasonsDisproved(outcome)]));
  expect(disproved).toEqual({
    rotated: ["rejections", "misconfigured"],
    renewed: ["rejections", "misconfigured"],
    rejected: ["misconfigured"],
    misconfigured: [],
    throttled: [],
    unavailable: [],
    ambiguous: [],
  });
});
