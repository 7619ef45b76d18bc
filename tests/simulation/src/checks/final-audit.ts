import { isAccepted, judgeToken, lifeOf, type RulesByKind } from "@evergrant/testkit/rules";
import { DESCRIPTORS } from "../provider/apps.ts";
import type { Customers } from "../world/customers.ts";
import { type LiveCustomer, presentGrant } from "../world/live-customer.ts";
import { MINUTE_MS } from "../world/settings.ts";
import type { Disturbances } from "./disturbances.ts";
import { heldTokens } from "./held-tokens.ts";
import { LATE_AFTER_MS, type Watch } from "./watch.ts";

/** Two refusals a minute apart, and the tick between; or the last look before a refusal is believed without vouchers. */
const NOTICED_WITHIN_MS = 65 * MINUTE_MS;

interface World {
  readonly now: number;
  readonly rules: RulesByKind;
  readonly disturbances: Disturbances;
}

/** What must hold when a simulation ends, for each customer. */
export function auditAtEnd(customers: Customers, world: World, watch: Watch): void {
  for (const customer of customers.byId.values()) {
    if (customer.row.state === "needs_reauth") auditEnded(customer, world, watch);
    else if (customer.row.mode !== "off") auditActive(customer, world, watch);
  }
}

/** A connection may have been ended while a sleeper held the newest token; once that is stored it must be back. */
function auditEnded(customer: LiveCustomer, { now, rules }: World, watch: Watch): void {
  const grant = presentGrant(customer);
  const living = heldTokens(customer).some(({ token }) => isAccepted(judgeToken(grant, token, rules[grant.kind], now)));
  if (living && customer.ending !== "wave too thin")
    watch.note("grant lost", customer, "it needs its customer, and a working token of it is stored");
}

function auditActive(customer: LiveCustomer, { now, rules, disturbances }: World, watch: Watch): void {
  const { row, chosen, since, disturbedUntil } = customer;
  const { appId } = chosen;
  if (row.dueAt === null) {
    watch.note("forgotten", customer, "it is wanted, and never due again");
    return;
  }
  const dueFrom = Math.max(row.dueAt, disturbedUntil, since);
  if (now - dueFrom > LATE_AFTER_MS && disturbances.wasCalm(appId, dueFrom, now)) {
    watch.note("late", customer, `due for ${now - row.dueAt} ms at the end, and nothing was wrong`);
  }
  const grant = presentGrant(customer);
  const { endedAt } = lifeOf(grant, rules[grant.kind], now);
  if (endedAt === null) return;
  const { breaker, schedule } = DESCRIPTORS[appId];
  const calmMs = disturbances.longestCalmMs(appId, Math.max(endedAt, since, disturbedUntil), now);
  if (calmMs > schedule.keepaliveMs + breaker.vouchWithinMs + NOTICED_WITHIN_MS) {
    watch.note("unnoticed", customer, `its grant ended ${Math.round((now - endedAt) / MINUTE_MS)} minutes ago`);
  }
}
