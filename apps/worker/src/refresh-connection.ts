import { type Decision, decide, holdEnding, isSuccess, type Outcome } from "@evergrant/core";
import type { RefreshSignal } from "@evergrant/queue";
import type { Claim, Lease, SealedTokens, Settlement } from "@evergrant/store";
import type { TokenVault } from "@evergrant/store/secrets";
import type { AppCredentials } from "./app-credentials.ts";
import type { SafeSettleResult } from "./escrow/settle-safely.ts";
import type { TakeOverVerdict } from "./escrow/take-over.ts";
import type { HeldLease, LeaseKeeper } from "./lease-keeper.ts";
import { type CandidateParts, presentCandidates } from "./present-candidates.ts";
import type { PresentedAnswer, PresentedToken, PresentToken } from "./present-token.ts";
import type { Ending } from "./vouch.ts";

/** The end of one refresh, as it is told to logs and metrics. Holds no token. */
export interface RefreshReport {
  readonly claim: Claim;
  readonly provider: string;
  readonly outcome: Outcome;
  readonly decision: Decision;
  readonly result: SafeSettleResult;
  readonly durationMs: number;
  /** From the judged answer until it was written: with `durationMs` the time in which a killed worker may lose it. */
  readonly settleMs: number;
  readonly latenessMs: number;
}

export interface RefreshParts {
  /** Null: busy or no longer due. `askedAt` is the reading of `monotonicMs` before the claim was made. */
  readonly claim: (connectionId: string) => Promise<{ readonly claim: Claim; readonly askedAt: number } | null>;
  readonly leases: LeaseKeeper;
  /** Asked when a claim has taken over a lease whose holder never settled. */
  readonly takeOver: (claim: Claim) => Promise<TakeOverVerdict>;
  readonly credentials: (appId: string) => Promise<AppCredentials>;
  readonly present: PresentToken;
  readonly candidates: {
    readonly next: (lease: Lease, ...rest: Parameters<CandidateParts["next"]>) => ReturnType<CandidateParts["next"]>;
    readonly refuse: (refused: { readonly id: bigint; readonly strikeGapMs: number }) => Promise<void>;
  };
  /** Asked before a grant is ended for what its provider says: whether the app's other connections vouch for the app. */
  readonly vouch: (ending: Ending) => Promise<boolean>;
  readonly vault: TokenVault;
  readonly settle: (settlement: Settlement) => Promise<SafeSettleResult>;
  readonly emit: (report: RefreshReport) => void;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
}

const DONE: RefreshSignal = { kind: "done" };

/**
 * The life of a refresh. It ends with a settle whatever the provider said; an exception from here is
 * a bug, not a failed refresh.
 *
 * After a crash at any point before the settle, the intent remains: the next claim after its lease
 * finds out that an outcome is unknown, looks for it in the escrow, and else asks again.
 */
export async function refreshConnection(connectionId: string, parts: RefreshParts): Promise<RefreshSignal> {
  const claimed = await parts.claim(connectionId);
  if (claimed === null) return DONE;
  const { claim, askedAt } = claimed;
  const clock = databaseClock(claim.claimedAt, parts.monotonicMs);
  const { intentId, generation } = claim;
  return parts.leases.during({ connectionId, intentId, generation }, askedAt, async (lease) => {
    if (claim.unsettledSince !== null && (await parts.takeOver(claim)) !== "nothing") return DONE;
    const app = await parts.credentials(claim.appId);
    // A process that was stopped since its claim may wake to find that another has taken over. And whoever was taken
    // over may have been asleep, and have come home with the next token while we looked for it.
    if (!(await lease.stillHeld({ anew: claim.unsettledSince !== null }))) return DONE;
    const sentAt = clock();
    const { token, answer, fromCandidate } = await ask(claim, app, lease, parts);
    const now = clock();
    const decided = decide(claim.connection, answer.outcome, app.descriptor, { sentAt, now, isProbe: claim.isProbe });
    const decision = withNotes(await believe(decided, claim, answer, now, parts), claim, now, fromCandidate);
    const durationMs = now - sentAt;
    const latenessMs = Math.max(0, claim.claimedAt - claim.dueAt);
    const result = await parts.settle({
      ...identity(claim),
      outcome: answer.outcome.kind,
      decision,
      tokens: seal(claim, token, answer, parts.vault),
      durationMs,
      latenessMs,
    });
    const { outcome } = answer;
    const { provider } = app.descriptor;
    const settleMs = clock() - now;
    parts.emit({ claim, provider, outcome, decision, result, durationMs, settleMs, latenessMs });
    return signalOf(outcome, app);
  });
}

/** The database's clock, carried on from the claim by a clock of our own that never jumps. */
function databaseClock(claimedAt: number, monotonicMs: () => number): () => number {
  const start = monotonicMs();
  return () => Math.round(claimedAt + monotonicMs() - start);
}

interface Asked {
  readonly token: PresentedToken;
  readonly answer: PresentedAnswer;
  readonly fromCandidate: boolean;
}

/**
 * Nothing is sent that could overtake whoever has taken over: the lease is looked at once more at the socket. A token
 * that is known to be spent comes last: where reuse is detected, presenting it would end the candidates' grant.
 */
async function ask(claim: Claim, app: AppCredentials, lease: HeldLease, parts: RefreshParts): Promise<Asked> {
  const connectionId = claim.connection.id;
  const present = (token: PresentedToken) => parts.present(token, app, lease.surelyHeld);
  const current = { connectionId, generation: claim.generation, refreshToken: claim.refreshToken };
  const askOthers = async (): Promise<Asked | null> => {
    const { candidates } = parts;
    const next = (tried: readonly bigint[]) => candidates.next({ connectionId, intentId: claim.intentId }, tried);
    // A probe's refusals may be about the app, and count for nothing.
    const { strikeGapMs } = app.descriptor;
    const refuse = async (id: bigint) => (claim.isProbe ? undefined : candidates.refuse({ id, strikeGapMs }));
    const other = await presentCandidates(connectionId, app, { next, refuse, present });
    return other === null ? null : { ...other, fromCandidate: true };
  };
  const askCurrent = async (): Promise<Asked> => ({
    token: current,
    answer: await present(current),
    fromCandidate: false,
  });
  if (claim.isSpent) return (await askOthers()) ?? askCurrent();
  const asked = await askCurrent();
  return asked.answer.outcome.kind === "rejected" ? ((await askOthers()) ?? asked) : asked;
}

/** A grant ends only while its app is known to be in order. */
async function believe(
  decision: Decision,
  claim: Claim,
  { secretId }: PresentedAnswer,
  now: number,
  parts: RefreshParts,
): Promise<Decision> {
  if (decision.state !== "needs_reauth") return decision;
  const { connection, appId } = claim;
  const { strikes, firstStrikeAt } = decision;
  const ending = { connectionId: connection.id, appId, firstStrikeAt: firstStrikeAt ?? now, strikes, now, secretId };
  if (await parts.vouch(ending)) return decision;
  return holdEnding(decision, connection, now);
}

function identity(claim: Claim): Pick<Settlement, "connectionId" | "appId" | "intentId" | "generation"> {
  const { appId, intentId, generation } = claim;
  return { connectionId: claim.connection.id, appId, intentId, generation };
}

function withNotes(decision: Decision, claim: Claim, now: number, fromCandidate: boolean): Decision {
  const takeover =
    claim.unsettledSince === null
      ? []
      : [{ kind: "claim_recovered", unknownForMs: now - claim.unsettledSince } as const];
  const candidate =
    fromCandidate && decision.failures === 0
      ? [{ kind: "candidate_used", presentedGeneration: claim.generation } as const]
      : [];
  if (takeover.length + candidate.length === 0) return decision;
  return { ...decision, events: [...takeover, ...candidate, ...decision.events] };
}

/** Both tokens are sealed anew: their ciphertexts are bound to the generation that they will have. */
function seal(
  claim: Claim,
  presented: PresentedToken,
  { outcome, secretId }: PresentedAnswer,
  vault: TokenVault,
): SealedTokens | null {
  if (!isSuccess(outcome)) return null;
  const connectionId = claim.connection.id;
  const generation = claim.generation + 1;
  const { accessToken } = outcome.tokens;
  const refreshToken =
    outcome.tokens.refreshToken ??
    vault.openToken({ connectionId, field: "refreshToken", generation: presented.generation }, presented.refreshToken);
  return {
    refreshToken: vault.sealToken({ connectionId, field: "refreshToken", generation }, refreshToken),
    accessToken:
      accessToken === null ? null : vault.sealToken({ connectionId, field: "accessToken", generation }, accessToken),
    fingerprint: vault.fingerprint(refreshToken),
    secretId,
  };
}

/** A provider that does not say for how long is left alone for as long as the first retry waits. */
function signalOf(outcome: Outcome, { descriptor }: AppCredentials): RefreshSignal {
  if (outcome.kind !== "throttled") return DONE;
  return { kind: "throttled", retryAfterMs: outcome.retryAfterMs ?? descriptor.retry.firstMs };
}
