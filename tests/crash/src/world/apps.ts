import type { ProviderKind, RulesByKindPatch } from "@evergrant/testkit";

const second = 1_000;

/** Access tokens at Xero and at the strict provider live so long: a sixtieth of Xero's 30 minutes. */
export const lifetimeMs = 30 * second;

/**
 * The rules that the simulator plays by. Only lifetimes are shortened. Xero's grace is left twenty lifetimes
 * long, because the outages of a campaign are not shortened as much: a real one of 30 minutes outlasts all of
 * them too.
 */
export const rules: RulesByKindPatch = {
  xero: { accessTokenTtlMs: lifetimeMs, graceMs: 20 * lifetimeMs },
  quickbooks: { rotationIntervalMs: 20 * second },
  strict: { accessTokenTtlMs: lifetimeMs },
};

/** One OAuth app of the campaign's fleet, at one kind of provider. */
export interface AppUnderTest {
  /** Also its client id at the provider. */
  readonly id: string;
  readonly kind: ProviderKind;
  readonly provider: string;
  /** Its part of all connections. */
  readonly share: number;
  /** Whether a spent refresh token can be presented again: where it cannot, a lost answer is a lost grant. */
  readonly hasGrace: boolean;
  /** How often a fault that is aimed at one app takes this one. */
  readonly aim: number;
  readonly descriptor: object;
}

const common = {
  retry: { firstMs: 300, maxMs: 2 * second },
  strikeGapMs: 2 * second,
  // Above every silence of a campaign: an answer that comes late is still the only copy of the next token.
  answerTimeoutMs: 120 * second,
  // A fifth of the time in which each is refreshed once, as with Xero's 25 and the usual 5 minutes.
  breaker: { windowMs: 4 * second, probeMs: second },
};

const fresh = {
  lifetimes: { accessTokenMs: lifetimeMs },
  schedule: { leadMs: 14 * second, jitterMs: 6 * second },
};

export const apps: readonly AppUnderTest[] = [
  {
    id: "crash-xero",
    kind: "xero",
    provider: "xero",
    share: 0.5,
    hasGrace: true,
    aim: 0.25,
    descriptor: { ...common, ...fresh, graceMs: 20 * lifetimeMs },
  },
  {
    id: "crash-quickbooks",
    kind: "quickbooks",
    provider: "quickbooks",
    share: 0.25,
    hasGrace: false,
    aim: 0.25,
    descriptor: { ...common, schedule: { keepaliveMs: 16 * second, jitterMs: 4 * second } },
  },
  {
    id: "crash-strict",
    kind: "strict",
    provider: "strict-books",
    share: 0.25,
    hasGrace: false,
    aim: 0.5,
    descriptor: { ...common, ...fresh },
  },
];
