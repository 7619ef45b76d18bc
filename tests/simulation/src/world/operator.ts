import { isAccepted, judgeToken, type RulesByKind } from "@evergrant/testkit/rules";
import { type HeldToken, heldTokens } from "../checks/held-tokens.ts";
import type { VirtualClock } from "../clock/virtual-clock.ts";
import { closeBreaker, isInDoubt, isScheduled } from "../store/breaker.ts";
import type { Tables } from "../store/tables.ts";
import type { Customers } from "./customers.ts";
import { presentGrant } from "./live-customer.ts";
import { MINUTE_MS } from "./settings.ts";

const LOOKS_AFTER_MS = 20 * MINUTE_MS;

/**
 * Somebody looks at an open breaker after a while, and calls some customers: a wave that is real is accepted.
 * What is our own mistake is left to the probes.
 */
export function callOperator(
  appId: string,
  parts: {
    readonly clock: VirtualClock;
    readonly tables: Tables;
    readonly customers: Customers;
    readonly rules: RulesByKind;
  },
): void {
  const { clock, tables, customers, rules } = parts;
  clock.at(clock.now + LOOKS_AFTER_MS, () => {
    const app = tables.apps.get(appId);
    if (app === undefined || app.breakerState === "closed" || app.breakerReason !== "rejections") return;
    // Whom an acceptance would end. Those that have ended long ago say nothing about this wave.
    const doubted = [...app.struck].filter((row) => isInDoubt(row) && isScheduled(row));
    const left = doubted.filter(({ id }) => {
      const customer = customers.byId.get(id);
      if (customer === undefined) return false;
      const grant = presentGrant(customer);
      const works = ({ token }: HeldToken) => isAccepted(judgeToken(grant, token, rules[grant.kind], clock.now));
      return !heldTokens(customer).some(works);
    });
    if (left.length * 2 > doubted.length) closeBreaker(tables, { appId, by: "accepted" });
    else callOperator(appId, parts);
  });
}
