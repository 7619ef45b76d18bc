import type { Settlement } from "@evergrant/store";

/** A settlement of generation 7 with a token set, as the store would be given it. */
export function aSettlement(over: Partial<Settlement> = {}): Settlement {
  return {
    connectionId: "acme",
    appId: "xero",
    intentId: "6f1c2a3e-0000-4000-8000-000000000001",
    generation: 7,
    outcome: "rotated",
    tokens: {
      refreshToken: new Uint8Array([1, 2, 3]),
      accessToken: new Uint8Array([4, 5]),
      fingerprint: new Uint8Array(16).fill(9),
      secretId: 12n,
    },
    durationMs: 40,
    latenessMs: 5,
    decision: {
      state: "active",
      dueAt: 1_000,
      accessTokenExpiresAt: 2_000,
      grantExpiresAt: null,
      grantHardExpiresAt: null,
      strikes: 0,
      firstStrikeAt: null,
      failures: 0,
      unknownSince: null,
      cause: null,
      events: [],
    },
    ...over,
  };
}

/** An escrow in memory that can be told to refuse. */
export function anEscrow() {
  const held = new Map<string, Settlement>();
  return {
    held,
    hasPlace: true,
    refuses: false,
    puts: 0,
    async put(settlements: readonly Settlement[]) {
      this.puts += 1;
      if (this.refuses) throw new Error("no place");
      for (const settlement of settlements) held.set(settlement.intentId, settlement);
    },
    async remove(ids: readonly string[]) {
      for (const id of ids) held.delete(id);
    },
  };
}
