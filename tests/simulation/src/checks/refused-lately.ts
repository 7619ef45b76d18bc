import { isWave } from "@evergrant/core";
import { DESCRIPTORS } from "../provider/apps.ts";
import { isExpected, isInDoubt } from "../store/breaker.ts";
import type { AppRow, ConnectionRow } from "../store/tables.ts";
import type { LiveCustomer } from "../world/live-customer.ts";

/** Whom an app's provider has refused and not accepted since, by the provider's own book. */
export class RefusedLately {
  readonly #refused = new Set<LiveCustomer>();

  note(customer: LiveCustomer): void {
    this.#refused.add(customer);
  }

  /** Whether they are so many that the policy calls them a wave: each by its first refusal, or while it awaits the second. */
  isWave(app: AppRow, now: number): boolean {
    const policy = Object.values(DESCRIPTORS).find(({ provider }) => provider === app.id)?.breaker;
    if (policy === undefined) return false;
    const since = now - policy.windowMs;
    const doubted: ConnectionRow[] = [];
    for (const customer of this.#refused) {
      const [first] = customer.refusals;
      const counts = first !== undefined && (first.at > since || customer.row.state === "active");
      if (!counts) this.#refused.delete(customer);
      // An operator has accepted that the others have left.
      else if (isInDoubt(customer.row)) doubted.push(customer.row);
    }
    const isRefreshed = ({ lastRefreshedAt, firstStrikeAt }: ConnectionRow) =>
      firstStrikeAt === null && (lastRefreshedAt ?? 0) > since;
    const expected = doubted.filter((row) => isExpected(row, policy, now)).length;
    const succeeded = app.connections.filter(isRefreshed).length;
    return isWave({ rejected: doubted.length, expected, succeeded }, policy);
  }
}
