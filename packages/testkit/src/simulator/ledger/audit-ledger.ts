import { hash } from "node:crypto";
import type { Ending, Grant, Misuse, RefreshToken } from "./grant.ts";
import { hardExpiresAt, idleExpiresAt, isAccepted, judgeToken, type Verdict } from "./judge-token.ts";
import { type Counters, type Ledger, sumCounters } from "./ledger.ts";
import { type ProviderKind, providerKinds } from "./provider-rules.ts";

/** A refresh token that would be accepted now, named by fingerprint: the first 16 hex digits of its SHA-256. */
export interface WorkingToken {
  fingerprint: string;
  generation: number;
  /** Unix milliseconds; null where nothing limits it. */
  worksUntil: number | null;
}

/** All times are Unix milliseconds. */
export interface GrantAudit {
  id: string;
  kind: ProviderKind;
  clientId: string;
  customer: string;
  alive: boolean;
  revokedBy: Ending | null;
  revokedAt: number | null;
  working: WorkingToken[];
  requests: number;
  rotations: number;
  /** Requests that arrived while another request for the same grant was being served. */
  overlaps: number;
  spentPresented: { insideGrace: number; outsideGrace: number };
  /** `invalid_grant` answers. */
  rejected: number;
  invalidClient: number;
  lastPresentedAt: number | null;
  /** The newest of them, oldest first. */
  misuses: readonly Misuse[];
}

/** What a grant went through, token by token. */
export interface GrantHistory extends GrantAudit {
  /** Its newest refresh tokens, oldest first, without their values. */
  tokens: RefreshToken[];
}

export interface RevokedGrant {
  id: string;
  customer: string;
  clientId: string;
  /** Unix milliseconds. */
  revokedAt: number;
}

export interface Audit {
  /** The simulator's time, Unix milliseconds. */
  now: number;
  grants: number;
  alive: number;
  ended: Record<Ending, number>;
  revokedByCustomer: { count: number; grants: RevokedGrant[] };
  requests: number;
  rotations: number;
  neverRotated: number;
  rotatedOnce: number;
  overlaps: number;
  overlappedGrants: number;
  spentPresented: { insideGrace: number; outsideGrace: number };
  invalidGrantAnswers: number;
  invalidClientAnswers: number;
  answers: Counters;
  /** Per grant, when asked for. */
  details?: GrantAudit[];
}

export interface TokenCheck {
  accepted: boolean;
  verdict: Verdict | "unknown" | "other_grant";
  grantId: string | null;
  /** Which of its grant's refresh tokens it is, counted from 0. Times are Unix milliseconds. */
  generation?: number;
  grant?: {
    newestGeneration: number;
    newestIssuedAt: number;
    /** When the last answer that carried a new refresh token had left whole. */
    lastDeliveredAt: number | null;
    inFlight: number;
    endedBy: Ending | null;
  };
}

/** Sums up what every grant went through, or those of one client. Changes nothing. */
export function auditLedger(
  ledger: Ledger,
  now: number,
  options: { clientId?: string | undefined; details?: boolean } = {},
): Audit {
  const { clientId } = options;
  const grants = clientId === undefined ? ledger.grants : ledger.grants.filter((grant) => grant.clientId === clientId);
  const audit = emptyAudit(now, grants.length, answersOf(ledger, clientId));
  for (const grant of grants) addGrant(audit, ledger, grant, now);
  audit.revokedByCustomer.count = audit.revokedByCustomer.grants.length;
  if (options.details) audit.details = grants.map((grant) => auditGrant(ledger, grant, now));
  return audit;
}

const tokensTold = 8;

/** What one grant went through; null for one that nobody knows. Changes nothing. */
export function tellHistory(ledger: Ledger, grantId: string, now: number): GrantHistory | null {
  const grant = ledger.grantsById.get(grantId);
  return grant ? { ...auditGrant(ledger, grant, now), tokens: [...grant.tokens.values()].slice(-tokensTold) } : null;
}

function auditGrant(ledger: Ledger, grant: Grant, now: number): GrantAudit {
  const life = ledger.lifeOf(grant, now);
  return {
    id: grant.id,
    kind: grant.kind,
    clientId: grant.clientId,
    customer: grant.customer,
    alive: life.alive,
    revokedBy: life.endedBy,
    revokedAt: life.endedAt,
    working: workingTokens(ledger, grant, now),
    requests: grant.requests,
    rotations: grant.rotations,
    overlaps: grant.overlaps,
    spentPresented: { insideGrace: grant.spentInsideGrace, outsideGrace: grant.spentOutsideGrace },
    rejected: grant.rejected,
    invalidClient: grant.invalidClient,
    lastPresentedAt: grant.lastPresentedAt,
    misuses: grant.misuses,
  };
}

/** Says whether a refresh token would be accepted now, without using it. With `grantId`, only as that grant's. */
export function checkToken(ledger: Ledger, value: string, now: number, grantId?: string): TokenCheck {
  const found = ledger.findToken(value);
  if (!found) return { accepted: false, verdict: "unknown", grantId: null };
  const { grant, token } = found;
  if (grantId !== undefined && grantId !== grant.id) {
    return { accepted: false, verdict: "other_grant", grantId: grant.id };
  }
  const verdict = judgeToken(grant, token, ledger.rules[grant.kind], now);
  return {
    accepted: isAccepted(verdict),
    verdict,
    grantId: grant.id,
    generation: token.generation,
    grant: summarize(ledger, grant, now),
  };
}

function summarize(ledger: Ledger, grant: Grant, now: number): NonNullable<TokenCheck["grant"]> {
  const newestGeneration = grant.nextGeneration - 1;
  return {
    newestGeneration,
    newestIssuedAt: grant.tokens.get(newestGeneration)?.issuedAt ?? grant.mintedAt,
    lastDeliveredAt: grant.lastDeliveredAt,
    inFlight: grant.inFlight,
    endedBy: ledger.lifeOf(grant, now).endedBy,
  };
}

function emptyAudit(now: number, grants: number, answers: Counters): Audit {
  return {
    now,
    grants,
    alive: 0,
    ended: { customer: 0, app: 0, reuse: 0, idle: 0, hard: 0 },
    revokedByCustomer: { count: 0, grants: [] },
    requests: 0,
    rotations: 0,
    neverRotated: 0,
    rotatedOnce: 0,
    overlaps: 0,
    overlappedGrants: 0,
    spentPresented: { insideGrace: 0, outsideGrace: 0 },
    invalidGrantAnswers: answers.invalid_grant,
    invalidClientAnswers: answers.invalid_client,
    answers,
  };
}

function answersOf(ledger: Ledger, clientId: string | undefined): Counters {
  if (clientId === undefined) return sumCounters(providerKinds.map((kind) => ledger.counters[kind]));
  const client = ledger.clients.get(clientId);
  return sumCounters(client ? [client.counters] : []);
}

function addGrant(audit: Audit, ledger: Ledger, grant: Grant, now: number): void {
  const { alive, endedBy, endedAt } = ledger.lifeOf(grant, now);
  if (alive) audit.alive += 1;
  if (endedBy !== null) audit.ended[endedBy] += 1;
  if (endedBy === "customer" && endedAt !== null) {
    const { id, customer, clientId } = grant;
    audit.revokedByCustomer.grants.push({ id, customer, clientId, revokedAt: endedAt });
  }
  audit.requests += grant.requests;
  audit.rotations += grant.rotations;
  if (grant.rotations === 0) audit.neverRotated += 1;
  if (grant.rotations === 1) audit.rotatedOnce += 1;
  audit.overlaps += grant.overlaps;
  if (grant.overlaps > 0) audit.overlappedGrants += 1;
  audit.spentPresented.insideGrace += grant.spentInsideGrace;
  audit.spentPresented.outsideGrace += grant.spentOutsideGrace;
}

function workingTokens(ledger: Ledger, grant: Grant, now: number): WorkingToken[] {
  const rules = ledger.rules[grant.kind];
  const working: WorkingToken[] = [];
  for (const token of grant.tokens.values()) {
    if (!isAccepted(judgeToken(grant, token, rules, now))) continue;
    const ownLimit = token.spentAt === null ? idleExpiresAt(token, rules) : token.spentAt + rules.graceMs;
    const limit = Math.min(ownLimit, hardExpiresAt(grant, rules));
    const value = ledger.seal.seal({ type: "refresh", grantNo: grant.no, number: token.generation, expiresAt: 0 });
    working.push({
      fingerprint: hash("sha256", value, "hex").slice(0, 16),
      generation: token.generation,
      worksUntil: limit === Infinity ? null : limit,
    });
  }
  return working;
}
