import { isWave } from "@evergrant/core";
import { DESCRIPTORS } from "../provider/apps.ts";
import type { AppRow, ConnectionRow } from "../store/tables.ts";
import type { LiveCustomer } from "../world/live-customer.ts";

/** Whom an app's provider has refused lately, by the provider's own book. */
export class RefusedLately {
  readonly #lastAt = new Map<LiveCustomer, number>();

  note(customer: LiveCustomer, now: number): void {
    this.#lastAt.delete(customer);
    this.#lastAt.set(customer, now);
  }

  /** Whether they are so many that the policy calls them a wave, those that an operator accepted left out. */
  isWave(app: AppRow, now: number): boolean {
    const policy = Object.values(DESCRIPTORS).find(({ provider }) => provider === app.id)?.breaker;
    if (policy === undefined) return false;
    const since = now - policy.windowMs;
    const acceptedAt = app.breakerAcceptedAt ?? Number.NEGATIVE_INFINITY;
    let rejected = 0;
    for (const [customer, at] of this.#lastAt) {
      const { lastRefreshedAt, createdAt } = customer.row;
      if (at <= since) this.#lastAt.delete(customer);
      else if ((lastRefreshedAt ?? createdAt) > acceptedAt) rejected += 1;
    }
    const isRefreshed = ({ lastRefreshedAt, firstStrikeAt }: ConnectionRow) =>
      firstStrikeAt === null && (lastRefreshedAt ?? 0) > since;
    return isWave({ rejected, succeeded: app.connections.filter(isRefreshed).length }, policy);
  }
}
