import type { FailureOutcome, Outcome, ProviderDescriptor } from "@evergrant/core";
import { xero } from "@evergrant/providers";
import type { Claim, Settlement } from "@evergrant/store";
import type { TokenVault } from "@evergrant/store/secrets";
import { describe, expect, test } from "vitest";
import { keepLeases } from "../src/lease-keeper.ts";
import { type RefreshParts, type RefreshReport, refreshConnection } from "../src/refresh-connection.ts";

const CLAIMED_AT = Date.UTC(2026, 10, 21);
const descriptor: ProviderDescriptor = xero;

const claimed: Claim = {
  intentId: "intent",
  appId: "app",
  generation: 7,
  refreshToken: new Uint8Array([1]),
  dueAt: CLAIMED_AT - 250,
  claimedAt: CLAIMED_AT,
  unsettledSince: null,
  isProbe: false,
  isSpent: false,
  connection: {
    id: "acme",
    mode: "fresh",
    accessTokenExpiresAt: CLAIMED_AT,
    grantExpiresAt: null,
    grantHardExpiresAt: null,
    strikes: 0,
    firstStrikeAt: null,
    failures: 0,
    unknownSince: null,
  },
};

const evidence = { status: 200, requestId: null, error: null, errorDescription: null };
const rotated: Outcome = {
  kind: "rotated",
  tokens: {
    accessToken: "new-access",
    refreshToken: "new-refresh",
    expiresInMs: 1_800_000,
    refreshTokenExpiresInMs: null,
    refreshTokenHardExpiresInMs: null,
  },
  evidence,
};

/** Says what was sealed instead of hiding it. */
const readableVault: TokenVault = {
  sealToken: (place, token) =>
    new Uint8Array(Buffer.from(`${place.connectionId}/${place.field}/${place.generation}/${token}`)),
  openToken: () => "old-refresh",
  sealSettlement: () => new Uint8Array(),
  openSettlement: () => "",
  sealClientSecret: () => new Uint8Array(),
  openClientSecret: () => "",
  fingerprint: (token) => new Uint8Array(Buffer.from(`print of ${token}`)),
};

function run(outcome: Outcome, over: Partial<RefreshParts> = {}) {
  let now = 1_000;
  const settled: Settlement[] = [];
  const reports: RefreshReport[] = [];
  const asked: string[] = [];
  const monotonicMs = () => now;
  const leases = keepLeases({
    leaseMs: 30_000,
    renew: async () => new Set<string>(),
    isAlive: async () => true,
    onUnrenewed: () => {},
    onError: () => {},
    monotonicMs,
  });
  const parts: RefreshParts = {
    claim: async () => ({ claim: claimed, askedAt: now }),
    leases,
    credentials: async () => ({ appId: "app", descriptor, clientId: "client", secrets: [], fault: null }),
    takeOver: async () => "nothing",
    present: async ({ connectionId }) => {
      asked.push(connectionId);
      now += 400;
      return { outcome, secretId: 5n };
    },
    candidates: { next: async () => null, refuse: async () => {} },
    vouch: async () => true,
    vault: readableVault,
    settle: async (settlement) => {
      settled.push(settlement);
      return "settled";
    },
    emit: (report) => void reports.push(report),
    monotonicMs,
    ...over,
  };
  return refreshConnection("acme", parts).then((signal) => {
    leases.close();
    return { signal, settled, reports, asked };
  });
}

describe("a refresh", () => {
  test("settles the tokens sealed for the next generation, with lifetimes counted from the sending", async () => {
    const { settled, reports } = await run(rotated);
    const [settlement] = settled;
    const text = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString();
    expect(settlement).toMatchObject({ connectionId: "acme", intentId: "intent", generation: 7, outcome: "rotated" });
    expect(text(settlement?.tokens?.refreshToken)).toBe("acme/refreshToken/8/new-refresh");
    expect(text(settlement?.tokens?.accessToken)).toBe("acme/accessToken/8/new-access");
    expect(text(settlement?.tokens?.fingerprint)).toBe("print of new-refresh");
    expect(settlement?.tokens?.secretId).toBe(5n);
    expect(settlement?.decision.accessTokenExpiresAt).toBe(CLAIMED_AT + 1_800_000);
    expect(reports).toMatchObject([{ durationMs: 400, latenessMs: 250, result: "settled" }]);
  });

  test("that brought no new refresh token seals the old one again for the next generation", async () => {
    const { settled } = await run({ ...rotated, kind: "renewed", tokens: { ...rotated.tokens, refreshToken: null } });
    expect(Buffer.from(settled[0]?.tokens?.refreshToken ?? []).toString()).toBe("acme/refreshToken/8/old-refresh");
  });

  test("that failed settles too, without tokens", async () => {
    const { settled, signal } = await run(failureOf("rejected"));
    expect(settled).toMatchObject([{ outcome: "rejected", tokens: null, decision: { strikes: 1, state: "active" } }]);
    expect(signal).toEqual({ kind: "done" });
  });

  test("that would end a grant asks whether the app is vouched for, and holds the ending while it is not", async () => {
    const firstStrikeAt = CLAIMED_AT - 90_000;
    const struck = { ...claimed, connection: { ...claimed.connection, strikes: 1, firstStrikeAt } };
    const endings: unknown[] = [];
    const end = (isVouchedFor: boolean) =>
      run(failureOf("rejected"), {
        claim: async () => ({ claim: struck, askedAt: 1_000 }),
        vouch: async (ending) => {
          endings.push(ending);
          return isVouchedFor;
        },
      });
    expect((await end(true)).settled).toMatchObject([{ decision: { state: "needs_reauth", strikes: 2 } }]);
    expect((await end(false)).settled).toMatchObject([{ decision: { state: "active", strikes: 2, firstStrikeAt } }]);
    const ending = {
      connectionId: "acme",
      appId: "app",
      firstStrikeAt,
      now: CLAIMED_AT + 400,
      strikes: 2,
      secretId: 5n,
    };
    expect(endings).toEqual([ending, ending]);
    await run(failureOf("rejected"), { vouch: () => Promise.reject(new Error("a first refusal ends nothing")) });
  });

  test.each(["settled", "awaited", "unreadable"] as const)(
    "whose predecessor was lost asks nobody when the escrow's answer is: %s",
    async (verdict) => {
      const claim = { ...claimed, unsettledSince: CLAIMED_AT - 9_000 };
      const { asked, settled, signal } = await run(rotated, {
        claim: async () => ({ claim, askedAt: 1_000 }),
        takeOver: async () => verdict,
      });
      expect([asked, settled, signal]).toEqual([[], [], { kind: "done" }]);
    },
  );

  test("without a lost predecessor does not look into the escrow", async () => {
    const { settled } = await run(rotated, { takeOver: () => Promise.reject(new Error("looked")) });
    expect(settled).toHaveLength(1);
  });

  test("that was throttled slows the whole queue for as long as the provider asked, or until the first retry", async () => {
    const throttled: Outcome = {
      kind: "throttled",
      reason: "http_429",
      retryAfterMs: 7_000,
      mayHaveRotated: false,
      evidence,
    };
    expect((await run(throttled)).signal).toEqual({ kind: "throttled", retryAfterMs: 7_000 });
    const silent = await run({ ...throttled, retryAfterMs: null });
    expect(silent.signal).toEqual({ kind: "throttled", retryAfterMs: descriptor.retry.firstMs });
  });

  test("of a connection that could not be claimed asks nobody", async () => {
    const { asked, settled } = await run(rotated, { claim: async () => null });
    expect([asked, settled]).toEqual([[], []]);
  });

  test("after a claim that was never settled says that it took over", async () => {
    const unsettledSince = CLAIMED_AT - 9_000;
    const claim = { ...claimed, unsettledSince, connection: { ...claimed.connection, unknownSince: unsettledSince } };
    const { settled } = await run(rotated, { claim: async () => ({ claim, askedAt: 1_000 }) });
    expect(settled[0]?.decision.events).toEqual([
      { kind: "claim_recovered", unknownForMs: 9_400 },
      { kind: "recovered", failures: 0, unknownForMs: 9_400 },
    ]);
  });

  test("whose process slept past its lease presents nothing once another has taken over", async () => {
    let clock = 1_000;
    const monotonicMs = () => clock;
    const leases = keepLeases({
      leaseMs: 30_000,
      renew: async () => new Set<string>(),
      isAlive: async () => false,
      onUnrenewed: () => {},
      onError: () => {},
      monotonicMs,
    });
    const { asked, settled } = await run(rotated, {
      leases,
      monotonicMs,
      claim: async () => {
        const askedAt = clock;
        clock += 60_000;
        return { claim: claimed, askedAt };
      },
    });
    leases.close();
    expect([asked, settled]).toEqual([[], []]);
  });
});

test("a refresh that takes over asks once more, when it has looked for the last answer: the sleeper may be home", async () => {
  const answers = [false, true];
  const asked = [];
  for (const unsettledSince of [CLAIMED_AT - 60_000, CLAIMED_AT - 60_000, null]) {
    const leases = keepLeases({
      leaseMs: 30_000,
      renew: async () => new Set<string>(),
      isAlive: async () => answers.shift() ?? false,
      onUnrenewed: () => {},
      onError: () => {},
      monotonicMs: () => 1_000,
    });
    const ran = await run(rotated, {
      leases,
      claim: async () => ({ claim: { ...claimed, unsettledSince }, askedAt: 1_000 }),
    });
    leases.close();
    asked.push(ran.asked.length);
  }
  expect(asked).toEqual([0, 1, 1]);
});

test("a process that slept while it asked for its lease does not believe the answer from before", async () => {
  let clock = 1_000;
  const answers = [true, false];
  const leases = keepLeases({
    leaseMs: 30_000,
    renew: async () => new Set<string>(),
    isAlive: async () => {
      // The database said so at once; it is read a minute later.
      const answer = answers.shift() ?? false;
      clock += 60_000;
      return answer;
    },
    onUnrenewed: () => {},
    onError: () => {},
    monotonicMs: () => clock,
  });
  const askedAt = clock;
  clock += 11_000;
  const { asked, settled } = await run(rotated, { leases, claim: async () => ({ claim: claimed, askedAt }) });
  leases.close();
  expect([asked, settled, answers]).toEqual([[], [], []]);
});

test("a process that slept between its last look at the lease and the socket may no longer begin", async () => {
  let clock = 1_000;
  const leases = keepLeases({
    leaseMs: 30_000,
    renew: async () => new Set<string>(),
    isAlive: async () => true,
    onUnrenewed: () => {},
    onError: () => {},
    monotonicMs: () => clock,
  });
  const mayHaveBegun: boolean[] = [];
  await run(rotated, {
    leases,
    claim: async () => ({ claim: claimed, askedAt: clock }),
    present: async (_token, _app, mayBegin) => {
      mayHaveBegun.push(mayBegin());
      clock += 29_000;
      mayHaveBegun.push(mayBegin());
      return { outcome: failureOf("unavailable"), secretId: null };
    },
  });
  leases.close();
  expect(mayHaveBegun).toEqual([true, false]);
});

describe("a refusal", () => {
  const rejected = failureOf("rejected");
  const candidate = (id: bigint) => ({ id, generation: 8, refreshToken: new Uint8Array([Number(id)]) });

  /** Presents answers by the token's first byte: the current one is 1. */
  function runWith(
    answers: Readonly<Record<number, Outcome>>,
    ids: readonly bigint[],
    over: Partial<Pick<Claim, "isProbe" | "isSpent">> = {},
  ) {
    const presented: number[] = [];
    const refused: bigint[] = [];
    const ran = run(rejected, {
      claim: async () => ({ claim: { ...claimed, ...over }, askedAt: 1_000 }),
      present: async ({ refreshToken }) => {
        presented.push(refreshToken[0] ?? 0);
        return { outcome: answers[refreshToken[0] ?? 0] ?? rejected, secretId: null };
      },
      candidates: {
        next: async (_, tried) => {
          const id = ids.find((known) => !tried.includes(known));
          return id === undefined ? null : candidate(id);
        },
        refuse: async ({ id }) => void refused.push(id),
      },
    });
    return ran.then(({ settled }) => ({ settlement: settled[0], presented, refused }));
  }

  test("does not count while a kept candidate lives: its token set becomes the current one", async () => {
    const { settlement, presented, refused } = await runWith({ 3: rotated }, [2n, 3n]);
    expect(presented).toEqual([1, 2, 3]);
    expect(refused).toEqual([2n]);
    expect(settlement).toMatchObject({ outcome: "rotated", generation: 7, decision: { strikes: 0, state: "active" } });
    expect(Buffer.from(settlement?.tokens?.refreshToken ?? []).toString()).toBe("acme/refreshToken/8/new-refresh");
    expect(settlement?.decision.events).toContainEqual({ kind: "candidate_used", presentedGeneration: 7 });
  });

  test("does not count while it is open whether a candidate lives", async () => {
    const { settlement, refused } = await runWith({ 2: failureOf("unavailable") }, [2n, 3n]);
    expect(settlement).toMatchObject({ outcome: "unavailable", tokens: null, decision: { strikes: 0 } });
    expect(refused).toEqual([]);
  });

  test("counts once every candidate is refused as well", async () => {
    const { settlement, refused } = await runWith({}, [2n, 3n]);
    expect(settlement).toMatchObject({ outcome: "rejected", decision: { strikes: 1 } });
    expect(refused).toEqual([2n, 3n]);
  });

  test("of a candidate by a probe counts for nothing: it may be about the app", async () => {
    expect(await runWith({}, [2n, 3n], { isProbe: true })).toMatchObject({ presented: [1, 2, 3], refused: [] });
  });

  test("is not asked for with a token that is known to be spent, while a candidate lives", async () => {
    const { settlement, presented } = await runWith({ 3: rotated }, [2n, 3n], { isSpent: true });
    expect(presented).toEqual([2, 3]);
    expect(settlement).toMatchObject({ outcome: "rotated", generation: 7, decision: { strikes: 0, state: "active" } });
    const { settlement: open, presented: asked } = await runWith({ 2: failureOf("unavailable") }, [2n], {
      isSpent: true,
    });
    expect(asked).toEqual([2]);
    expect(open).toMatchObject({ outcome: "unavailable", decision: { strikes: 0 } });
  });

  test("of every candidate leaves the spent token to be asked with: a grace may save it", async () => {
    const { settlement, presented, refused } = await runWith({ 1: rotated }, [2n, 3n], { isSpent: true });
    expect(presented).toEqual([2, 3, 1]);
    expect(refused).toEqual([2n, 3n]);
    expect(settlement).toMatchObject({ outcome: "rotated" });
    expect((await runWith({}, [2n], { isSpent: true })).settlement).toMatchObject({ decision: { strikes: 1 } });
  });

  test("of a probe does not ripen a strike", async () => {
    const struck = { ...claimed.connection, strikes: 1, firstStrikeAt: CLAIMED_AT - 3_600_000 };
    const settledAs = async (isProbe: boolean) => {
      const claim = { ...claimed, isProbe, connection: struck };
      const { settled } = await run(rejected, { claim: async () => ({ claim, askedAt: 1_000 }) });
      return settled[0]?.decision;
    };
    expect(await settledAs(true)).toMatchObject({ state: "active", strikes: 1 });
    expect(await settledAs(false)).toMatchObject({ state: "needs_reauth", strikes: 2 });
  });
});

function failureOf(kind: FailureOutcome["kind"]): FailureOutcome {
  return { kind, reason: kind, retryAfterMs: null, mayHaveRotated: false, evidence };
}
