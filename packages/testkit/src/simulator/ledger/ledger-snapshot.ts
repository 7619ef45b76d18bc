import type { Grant, RefreshToken } from "./grant.ts";
import { type Client, type Counters, Ledger } from "./ledger.ts";
import type { ProviderKind, RulesByKind } from "./provider-rules.ts";

/** A ledger as JSON. Rules are not part of it: they belong to the process that runs. */
export interface LedgerSnapshot {
  version: 1;
  secret: string;
  clients: Client[];
  counters: Record<ProviderKind, Counters>;
  grants: GrantSnapshot[];
}

type GrantSnapshot = Omit<Grant, "tokens" | "inFlight"> & { tokens: RefreshToken[] };

/** The ledger's state, safe to stringify; it shares objects with the ledger, so stringify it at once. */
export function takeSnapshot(ledger: Ledger): LedgerSnapshot {
  return {
    version: 1,
    secret: ledger.seal.secret,
    clients: [...ledger.clients.values()],
    counters: ledger.counters,
    grants: ledger.grants.map(({ inFlight: _, tokens, ...grant }) => ({
      ...grant,
      tokens: [...tokens.values()],
    })),
  };
}

/** A ledger that continues the saved one: every token issued before is known again. */
export function restoreLedger(snapshot: LedgerSnapshot, rules: RulesByKind, tokenMark?: string): Ledger {
  const ledger = new Ledger(rules, { savedSecret: snapshot.secret, tokenMark });
  for (const client of snapshot.clients) ledger.clients.set(client.id, client);
  Object.assign(ledger.counters, snapshot.counters);
  for (const saved of snapshot.grants) {
    ledger.add({
      ...saved,
      tokens: new Map(saved.tokens.map((token) => [token.generation, token])),
      inFlight: 0,
    });
  }
  return ledger;
}
