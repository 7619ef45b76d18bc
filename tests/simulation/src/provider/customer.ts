import type { RefreshMode } from "@evergrant/core";
import { createGrant, type Grant, type Random, type RulesByKind, seededRandom } from "@evergrant/testkit/rules";
import type { AppId } from "./apps.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A customer as chosen before the simulation begins. Times are epoch milliseconds. */
export interface CustomerToBe {
  readonly no: number;
  readonly id: string;
  readonly appId: AppId;
  readonly mode: RefreshMode;
  /** When the customer consented, and when the grant was last used before we got it. */
  readonly consentedAt: number;
  readonly lastUsedAt: number;
  /** Whether what was imported says when the tokens end. */
  readonly knowsExpiry: boolean;
  /** When the customer disconnects; null for most. */
  readonly leavesAt: number | null;
  /** How long a customer who has to reconnect takes to do so; null when never. */
  readonly returnsAfterMs: number | null;
  readonly random: Random;
}

/** Shares of a thousand customers. Xero in mode `fresh` is refreshed some 450 times as often as in `keepalive`. */
const MIX = [
  { appId: "xero", mode: "fresh", share: 1 },
  { appId: "quickbooks", mode: "keepalive", share: 60 },
  { appId: "strict", mode: "keepalive", share: 20 },
  { appId: "xero", mode: "off", share: 10 },
  { appId: "xero", mode: "keepalive", share: 909 },
] as const satisfies readonly { readonly appId: AppId; readonly mode: RefreshMode; readonly share: number }[];

/** Everything about a customer follows from the seed and the number, whoever else takes part. */
export function chooseCustomer(
  seed: number,
  no: number,
  span: { readonly startAt: number; readonly endAt: number },
  rules: RulesByKind,
): CustomerToBe {
  const random = seededRandom(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(no + 1, 0x85ebca6b));
  const { appId, mode } = chooseKind(random() * 1_000);
  const between = (from: number, to: number) => Math.round(from + random() * (to - from));
  const chance = (share: number) => random() < share;
  const { hardTtlMs, idleTtlMs } = rules[appId];
  const idleMs = idleTtlMs ?? DAY_MS;
  // Most were in use until now; some were forgotten, a few nearly too long.
  const unusedMs = chance(0.9)
    ? between(0, DAY_MS)
    : chance(0.8)
      ? between(0, idleMs - DAY_MS)
      : between(idleMs - DAY_MS, idleMs - 2 * HOUR_MS);
  const lastUsedAt = span.startAt - unusedMs;
  // Five years are over for some of them while we look on.
  const nearsCap = hardTtlMs !== null && chance(0.05);
  const ageMs = nearsCap ? (hardTtlMs ?? 0) - between(HOUR_MS, 150 * DAY_MS) : between(0, 700 * DAY_MS);
  return {
    no,
    id: `${appId}-${no}`,
    appId,
    mode,
    consentedAt: Math.min(lastUsedAt, span.startAt - ageMs),
    lastUsedAt,
    knowsExpiry: chance(0.7),
    leavesAt: chance(0.1) ? between(span.startAt, span.endAt) : null,
    returnsAfterMs: chance(0.6) ? between(HOUR_MS, 20 * DAY_MS) : null,
    random,
  };
}

function chooseKind(place: number): (typeof MIX)[number] {
  let before = 0;
  for (const kind of MIX) {
    before += kind.share;
    if (place < before) return kind;
  }
  return MIX[MIX.length - 1] ?? MIX[0];
}

/** The grant that the provider knows, with the refresh token that was imported. */
export function mintGrant({ no, id, appId, consentedAt, lastUsedAt }: CustomerToBe): Grant {
  const common = { customer: id, scopes: "", tenantCount: 1, clientId: appId, kind: appId };
  const grant = createGrant({ ...common, no, id, mintedAt: consentedAt });
  for (const token of grant.tokens.values()) token.issuedAt = lastUsedAt;
  return grant;
}
