import { type Grant, isAccepted, judgeToken, lifeOf, type RulesByKind } from "@evergrant/testkit/rules";
import { tokenIn } from "../fleet/plain-vault.ts";
import { DESCRIPTORS } from "../provider/apps.ts";
import { readTokenText } from "../provider/token-text.ts";
import { type LiveCustomer, presentGrant } from "../world/live-customer.ts";
import { MINUTE_MS } from "../world/settings.ts";
import type { Disturbances } from "./disturbances.ts";
import { heldTokens } from "./held-tokens.ts";
import type { RefusedLately } from "./refused-lately.ts";

/** In a calm of this length whatever was to be retried has been. */
const CALM_MS = 2 * MINUTE_MS;
/** An import of unknown age is looked at within an hour; no grant here was closer to its end. */
const FIRST_LOOK_MS = 65 * MINUTE_MS;

/** How a connection came to need its customer. `avoidable` is the one that must never be. */
export type Ending =
  | { readonly kind: "customer left" | "hard cap" | "lapsed while off" | "lapsed in an outage" | "answer lost" }
  /** Our mistake, too few connections met it for the breaker to tell it from customers who leave, and it lasted for long. */
  | { readonly kind: "wave too thin" }
  | { readonly kind: "avoidable"; readonly text: string };

/** What ended a grant, told by both sides: the provider's book and everything that we hold. */
export function explainEnding(
  customer: LiveCustomer,
  world: {
    readonly rules: RulesByKind;
    readonly disturbances: Disturbances;
    readonly refused: RefusedLately;
    readonly now: number;
  },
): Ending {
  const grant = presentGrant(customer);
  const rules = world.rules[grant.kind];
  const works = heldTokens(customer).find(({ token }) => isAccepted(judgeToken(grant, token, rules, world.now)));
  const isBelieved = isOurMistake(customer) && wasDoubtedForLong(customer, world.now);
  if (works !== undefined && isBelieved && !world.refused.isWave(customer.row.app, world.now)) {
    return { kind: "wave too thin" };
  }
  if (works !== undefined) {
    return { kind: "avoidable", text: `the grant lives, and its refresh token ${works.token.generation} is stored` };
  }
  const life = lifeOf(grant, rules, world.now);
  switch (life.endedBy) {
    case "customer":
    case "app":
      return { kind: "customer left" };
    case "hard":
      return { kind: "hard cap" };
    case "idle":
      return explainLapse(customer, life.endedAt ?? world.now, world.disturbances);
    case "reuse":
      if (customer.wasReplayed) return { kind: "answer lost" };
      return { kind: "avoidable", text: "the provider saw a spent token, and nothing had been lost" };
    case null:
      return explainLoss(customer, grant, rules.graceMs, world.disturbances);
  }
}

function isOurMistake({ refusals }: LiveCustomer): boolean {
  return refusals.filter((refusal) => refusal.isOurMistake).length > 1;
}

/** As long as a refusal is not believed while nobody vouches for the app. */
function wasDoubtedForLong({ chosen, refusals }: LiveCustomer, now: number): boolean {
  const [first] = refusals;
  return first !== undefined && now - first.at >= DESCRIPTORS[chosen.appId].breaker.vouchWithinMs;
}

function explainLapse({ row, since, chosen }: LiveCustomer, lapsedAt: number, disturbances: Disturbances): Ending {
  if (row.mode === "off" || since >= lapsedAt) return { kind: "lapsed while off" };
  // Of unknown age it is due within the first hour, else by half of what is left of it.
  const wantedFrom = since + Math.max(FIRST_LOOK_MS, (lapsedAt - since) / 2 + MINUTE_MS);
  const calmMs = disturbances.longestCalmMs(chosen.appId, wantedFrom, lapsedAt);
  if (calmMs < CALM_MS) return { kind: "lapsed in an outage" };
  return { kind: "avoidable", text: `the grant lapsed unused, after ${Math.round(calmMs / MINUTE_MS)} calm minutes` };
}

/** The provider has gone on to a token that we never got: excusable only without a way back. */
function explainLoss(customer: LiveCustomer, grant: Grant, graceMs: number, disturbances: Disturbances): Ending {
  if (customer.unheardSince === null) {
    return { kind: "avoidable", text: "the newest token is not stored, and no answer was lost on its way" };
  }
  if (graceMs === 0) return { kind: "answer lost" };
  const spentAt = readSpentAt(customer, grant) ?? customer.unheardSince;
  const from = Math.max(spentAt, customer.disturbedUntil);
  const calmMs = disturbances.longestCalmMs(customer.chosen.appId, from, spentAt + graceMs);
  if (calmMs < CALM_MS) return { kind: "answer lost" };
  const text = `${Math.round(calmMs / MINUTE_MS)} calm minutes of the grace window were not used`;
  return { kind: "avoidable", text };
}

function readSpentAt({ row }: LiveCustomer, grant: Grant): number | null {
  return grant.tokens.get(readTokenText(tokenIn(row.refreshToken)).generation)?.spentAt ?? null;
}
