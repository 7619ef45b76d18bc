import { type Decision, decide, isSuccess, type Outcome } from "@evergrant/core";
import type { RefreshSignal } from "@evergrant/queue";
import type { Claim, SealedTokens, Settlement, SettleResult } from "@evergrant/store";
import type { TokenVault } from "@evergrant/store/secrets";
import type { AppCredentials } from "./app-credentials.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { PresentToken } from "./present-token.ts";

/** The end of one refresh, as it is told to logs and metrics. Holds no token. */
export interface RefreshReport {
  readonly claim: Claim;
  readonly provider: string;
  readonly outcome: Outcome;
  readonly decision: Decision;
  readonly result: SettleResult;
  readonly durationMs: number;
  readonly latenessMs: number;
}

export interface RefreshParts {
  /** Null: busy or no longer due. `askedAt` is the reading of `monotonicMs` before the claim was made. */
  readonly claim: (connectionId: string) => Promise<{ readonly claim: Claim; readonly askedAt: number } | null>;
  readonly leases: LeaseKeeper;
  readonly credentials: (appId: string) => Promise<AppCredentials>;
  readonly present: PresentToken;
  readonly vault: TokenVault;
  readonly settle: (settlement: Settlement) => Promise<SettleResult>;
  readonly emit: (report: RefreshReport) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
}

/**
 * The life of a refresh. It ends with a settle whatever the provider said; an exception from here is
 * a bug, not a failed refresh.
 *
 * After a crash at any point before the settle, the intent remains: the next claim after its lease
 * finds out that an outcome is unknown, and asks again.
 */
export async function refreshConnection(connectionId: string, parts: RefreshParts): Promise<RefreshSignal> {
  const claimed = await parts.claim(connectionId);
  if (claimed === null) return { kind: "done" };
  const { claim, askedAt } = claimed;
  const clock = databaseClock(claim.claimedAt, parts.monotonicMs);
  return parts.leases.during({ connectionId, intentId: claim.intentId }, askedAt, async (stillHeld) => {
    const app = await parts.credentials(claim.appId);
    // A process that was stopped since its claim may wake to find that another has taken over.
    if (!(await stillHeld())) return { kind: "done" };
    const sentAt = clock();
    const { outcome, secretId } = await parts.present(claim, app);
    const now = clock();
    const decision = withTakeover(decide(claim.connection, outcome, app.descriptor, { sentAt, now }), claim, now);
    const durationMs = now - sentAt;
    const latenessMs = Math.max(0, claim.claimedAt - claim.dueAt);
    const tokens = seal(claim, outcome, secretId, parts.vault);
    const result = await parts.settle({
      ...identity(claim),
      outcome: outcome.kind,
      decision,
      tokens,
      durationMs,
      latenessMs,
    });
    const provider = app.descriptor.provider;
    parts.emit({ claim, provider, outcome, decision, result, durationMs, latenessMs });
    return signalOf(outcome);
  });
}

/** The database's clock, carried on from the claim by a clock of our own that never jumps. */
function databaseClock(claimedAt: number, monotonicMs: () => number): () => number {
  const start = monotonicMs();
  return () => Math.round(claimedAt + monotonicMs() - start);
}

function identity(claim: Claim): Pick<Settlement, "connectionId" | "appId" | "intentId" | "generation"> {
  const { appId, intentId, generation } = claim;
  return { connectionId: claim.connection.id, appId, intentId, generation };
}

function withTakeover(decision: Decision, claim: Claim, now: number): Decision {
  if (claim.unsettledSince === null) return decision;
  const takeover = { kind: "claim_recovered", unknownForMs: now - claim.unsettledSince } as const;
  return { ...decision, events: [takeover, ...decision.events] };
}

/** Both tokens are sealed anew: their ciphertexts are bound to the generation that they will have. */
function seal(claim: Claim, outcome: Outcome, secretId: bigint | null, vault: TokenVault): SealedTokens | null {
  if (!isSuccess(outcome)) return null;
  const connectionId = claim.connection.id;
  const generation = claim.generation + 1;
  const { accessToken } = outcome.tokens;
  const refreshToken =
    outcome.tokens.refreshToken ??
    vault.openToken({ connectionId, field: "refreshToken", generation: claim.generation }, claim.refreshToken);
  return {
    refreshToken: vault.sealToken({ connectionId, field: "refreshToken", generation }, refreshToken),
    accessToken:
      accessToken === null ? null : vault.sealToken({ connectionId, field: "accessToken", generation }, accessToken),
    fingerprint: vault.fingerprint(refreshToken),
    secretId,
  };
}

function signalOf(outcome: Outcome): RefreshSignal {
  if (outcome.kind !== "throttled" || outcome.retryAfterMs === null) return { kind: "done" };
  return { kind: "throttled", retryAfterMs: outcome.retryAfterMs };
}
