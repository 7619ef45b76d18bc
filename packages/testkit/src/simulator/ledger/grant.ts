import type { ProviderKind } from "./provider-rules.ts";

/** Who or what ended a grant; `app` is a revocation by the OAuth app itself. */
export type Ending = "customer" | "app" | "reuse" | "idle" | "hard";

/** The pair that one answer carried: which refresh token, which access token. */
export interface IssuedPair {
  generation: number;
  accessNumber: number;
  accessExpiresAt: number;
}

/** Bookkeeping of one refresh token. All times are Unix milliseconds. */
export interface RefreshToken {
  generation: number;
  issuedAt: number;
  firstUsedAt: number | null;
  lastUsedAt: number | null;
  spentAt: number | null;
  revokedAt: number | null;
  /** What the answer that spent this token carried. */
  successor: IssuedPair | null;
}

/** One customer's consent to one OAuth app, with all that was ever asked of it. All times are Unix milliseconds. */
export interface Grant {
  /** Position in the ledger; part of every token value. */
  readonly no: number;
  readonly id: string;
  readonly kind: ProviderKind;
  readonly clientId: string;
  readonly customer: string;
  readonly scopes: string;
  readonly mintedAt: number;
  readonly tenantCount: number;
  /** Positions of tenants that were disconnected; the tokens outlive that. */
  removedTenants: readonly number[];
  readonly tokens: Map<number, RefreshToken>;
  nextGeneration: number;
  nextAccessNumber: number;
  revokedAt: number | null;
  revokedBy: Ending | null;
  inFlight: number;
  requests: number;
  rotations: number;
  overlaps: number;
  spentInsideGrace: number;
  spentOutsideGrace: number;
  rejected: number;
  invalidClient: number;
  lastPresentedAt: number | null;
  /** When the last answer that carried a new refresh token had left whole. */
  lastDeliveredAt: number | null;
  /** The newest of them, oldest first. */
  misuses: readonly Misuse[];
}

/** What a provider should never see of one grant. */
export interface Misuse {
  readonly what: "requests overlapped" | "spent token presented outside its grace window";
  readonly at: number;
}

const keptMisuses = 16;
/** One for all: most grants never have any. */
const noMisuses: readonly Misuse[] = [];

export function noteMisuse(grant: Grant, what: Misuse["what"], at: number): void {
  grant.misuses = [...grant.misuses.slice(1 - keptMisuses), { what, at }];
}

export type NewGrant = Pick<
  Grant,
  "no" | "id" | "kind" | "clientId" | "customer" | "scopes" | "mintedAt" | "tenantCount"
>;

/** A grant fresh from consent: one refresh token, generation 0. */
export function createGrant(fields: NewGrant): Grant {
  // Field by field: a spread of this width makes objects that are several times slower and larger.
  const grant: Grant = {
    no: fields.no,
    id: fields.id,
    kind: fields.kind,
    clientId: fields.clientId,
    customer: fields.customer,
    scopes: fields.scopes,
    mintedAt: fields.mintedAt,
    tenantCount: fields.tenantCount,
    removedTenants: [],
    tokens: new Map(),
    nextGeneration: 0,
    nextAccessNumber: 0,
    revokedAt: null,
    revokedBy: null,
    inFlight: 0,
    requests: 0,
    rotations: 0,
    overlaps: 0,
    spentInsideGrace: 0,
    spentOutsideGrace: 0,
    rejected: 0,
    invalidClient: 0,
    lastPresentedAt: null,
    lastDeliveredAt: null,
    misuses: noMisuses,
  };
  addToken(grant, grant.nextGeneration, fields.mintedAt);
  return grant;
}

/** Records a refresh token as issued at `now` (milliseconds) and returns it. */
export function addToken(grant: Grant, generation: number, now: number): RefreshToken {
  const token: RefreshToken = {
    generation,
    issuedAt: now,
    firstUsedAt: null,
    lastUsedAt: null,
    spentAt: null,
    revokedAt: null,
    successor: null,
  };
  grant.tokens.set(generation, token);
  grant.nextGeneration = generation + 1;
  return token;
}

/** Ends a living grant and with it every refresh token. */
export function endGrant(grant: Grant, revokedBy: Ending, now: number): void {
  grant.revokedBy = revokedBy;
  grant.revokedAt = now;
  for (const token of grant.tokens.values()) token.revokedAt = now;
}
