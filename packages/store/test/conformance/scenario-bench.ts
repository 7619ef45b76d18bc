import type { Decision } from "@evergrant/core";
import type { Claim, Settlement, SettleResult } from "../../src/index.ts";
import { bytes, failureOf, fingerprintOf, successOf, tokenText } from "../refresh/rows.ts";
import type { BreakerView, ConnectionToAdd, StoreUnderTest } from "./store-under-test.ts";

export const LEASE_MS = 30_000;

/** Steps that the scenarios are told in. */
export interface Bench {
  readonly under: StoreUnderTest;
  /** A new OAuth app and connections of it, all due. */
  connections(names: readonly string[], row?: Partial<ConnectionToAdd>): Promise<string[]>;
  app(breaker?: BreakerView): Promise<string>;
  /** @throws when it cannot be claimed */
  claim(id: string, holder?: string): Promise<Claim>;
  canClaim(id: string): Promise<boolean>;
  /** Until every lease of now is over. */
  leasesDie(): Promise<void>;
  settle(settlement: Settlement, process?: string): Promise<SettleResult>;
  succeed(claim: Claim, token?: string, decision?: Partial<Decision>): Settlement;
  /** A success that brought no new refresh token: the one named had been presented. */
  renew(claim: Claim, token?: string): Settlement;
  fail(claim: Claim, decision?: Partial<Decision>): Settlement;
  /** The failure that ends the grant, as the second strike does. */
  end(claim: Claim): Settlement;
  journalOf(id: string): Promise<string[]>;
  outboxOf(id: string): Promise<string[]>;
}

export function openBench(use: () => StoreUnderTest): Bench {
  let no = 0;
  const claimAll = (id: string, holder: string) => use().store.claim([id], { holder, leaseMs: LEASE_MS });
  const tellsOf = (entries: readonly string[], id: string) =>
    entries.filter((entry) => entry.startsWith(`${id} `)).map((entry) => entry.slice(id.length + 1));

  return {
    get under() {
      return use();
    },
    async connections(names, row = {}) {
      const appId = row.appId ?? (await this.app());
      const ids = names.map((name) => `${appId}-${name}`);
      for (const id of ids) await use().connect(id, { ...row, appId });
      return ids;
    },
    async app(breaker) {
      no += 1;
      const appId = `app${no}`;
      await use().addApp(appId);
      if (breaker !== undefined) await use().setBreaker(appId, breaker);
      return appId;
    },
    async claim(id, holder = "one") {
      const [item] = await claimAll(id, holder);
      if (item === undefined) throw new Error(`${id} could not be claimed.`);
      return item;
    },
    canClaim: async (id) => (await claimAll(id, "another")).length > 0,
    leasesDie: () => use().pass(LEASE_MS + 1),
    async settle(settlement, process = "one") {
      const [result] = await use().store.settle([settlement], process);
      return result ?? "stale";
    },
    succeed(claim, token = tokenText(claim.connection.id, claim.generation + 1), decision = {}) {
      const fingerprint = fingerprintOf(token);
      const tokens = { refreshToken: bytes(token), accessToken: bytes("access"), fingerprint, secretId: null };
      return { ...successOf(claim, decision), tokens };
    },
    renew(claim, token = tokenText(claim.connection.id, claim.generation)) {
      return { ...this.succeed(claim, token), outcome: "renewed" };
    },
    fail: (claim, decision = {}) => failureOf(claim, { failures: 1, ...decision }),
    end(claim) {
      const cause = "unexplained" as const;
      const strikes = claim.connection.strikes + 1;
      const events = [{ kind: "needs_reauth", cause, strikes }] as const;
      const state = "needs_reauth" as const;
      return this.fail(claim, { state, dueAt: null, strikes, failures: 2, events });
    },
    journalOf: async (id) => tellsOf(await use().journal(), id),
    outboxOf: async (id) => tellsOf(await use().outbox(), id),
  };
}
