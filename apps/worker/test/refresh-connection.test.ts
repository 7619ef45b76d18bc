import type { Outcome, ProviderDescriptor } from "@evergrant/core";
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
  sealClientSecret: () => new Uint8Array(),
  openClientSecret: () => "",
  fingerprint: (token) => new Uint8Array(Buffer.from(`print of ${token}`)),
};

function run(outcome: Outcome, over: Partial<RefreshParts> & { claim?: RefreshParts["claim"] } = {}) {
  let now = 1_000;
  const settled: Settlement[] = [];
  const reports: RefreshReport[] = [];
  const asked: string[] = [];
  const monotonicMs = () => now;
  const leases = keepLeases({
    leaseMs: 30_000,
    renew: async () => new Set<string>(),
    isAlive: async () => true,
    onError: () => {},
    monotonicMs,
  });
  const parts: RefreshParts = {
    claim: async () => ({ claim: claimed, askedAt: now }),
    leases,
    credentials: async () => ({ appId: "app", descriptor, clientId: "client", secrets: [], fault: null }),
    present: async ({ connection }) => {
      asked.push(connection.id);
      now += 400;
      return { outcome, secretId: 5n };
    },
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
    const rejected: Outcome = {
      kind: "rejected",
      reason: "invalid_grant",
      retryAfterMs: null,
      mayHaveRotated: false,
      evidence,
    };
    const { settled, signal } = await run(rejected);
    expect(settled).toMatchObject([{ outcome: "rejected", tokens: null, decision: { strikes: 1, state: "active" } }]);
    expect(signal).toEqual({ kind: "done" });
  });

  test("that was throttled slows the whole queue for as long as the provider asked", async () => {
    const throttled: Outcome = {
      kind: "throttled",
      reason: "http_429",
      retryAfterMs: 7_000,
      mayHaveRotated: false,
      evidence,
    };
    expect((await run(throttled)).signal).toEqual({ kind: "throttled", retryAfterMs: 7_000 });
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
