import type { Lease } from "@evergrant/store";

/** A lease, and the generation whose token is presented under it. */
export interface AskingLease extends Lease {
  readonly generation: number;
}

/** A lease as its holder sees it. */
export interface HeldLease {
  stillHeld(how: HowToAsk): Promise<boolean>;
  surelyHeld(): boolean;
}

export interface HowToAsk {
  /** Asks the database whatever was seen of the lease before. */
  readonly anew: boolean;
}

/** Keeps the leases of refreshes in flight alive, however long a provider takes to answer. */
export interface LeaseKeeper {
  /**
   * Runs `work` with the intent's lease renewed in the background. `stillHeld` tells, before anything is sent,
   * whether the lease is ours at this moment, asking the database when time has passed unseen or when told to;
   * `surelyHeld` tells it at once, from what was seen last.
   *
   * @param askedAt when the claim was asked for, by the keeper's clock: the lease began after that
   */
  during<T>(lease: AskingLease, askedAt: number, work: (held: HeldLease) => Promise<T>): Promise<T>;
  close(): void;
}

/** Renewed three times in a lease's life, so that two renewals may fail before it is lost. */
const RENEWALS_PER_LEASE = 3;

/**
 * @param renew renews the leases named, answers with the intents that were renewed; may throw when the
 *   database is away, then the next round tries again
 * @param onUnrenewed gets the leases that could not be renewed in time, a third of their life before they end at the
 *   latest, and those that somebody has taken over, again each third: their answers may still come, and others must be
 *   told by another way
 * @param isAlive whether a lease is still ours and has `marginMs` to go
 * @param monotonicMs milliseconds of a clock that never jumps
 */
export function keepLeases({
  leaseMs,
  renew,
  isAlive,
  onUnrenewed,
  onError,
  monotonicMs,
}: {
  readonly leaseMs: number;
  readonly renew: (leases: readonly Lease[]) => Promise<ReadonlySet<string>>;
  readonly isAlive: (lease: Lease, marginMs: number) => Promise<boolean>;
  readonly onUnrenewed: (leases: readonly AskingLease[]) => void;
  readonly onError: (error: unknown) => void;
  readonly monotonicMs: () => number;
}): LeaseKeeper {
  const periodMs = leaseMs / RENEWALS_PER_LEASE;
  /** When each lease was last known to begin: it is ours for `leaseMs` from then. */
  const held = new Map<string, { readonly lease: AskingLease; at: number }>();
  let renewing = false;

  const leases = () => [...held.values()].map(({ lease }) => lease);
  const renewAll = async () => {
    if (held.size === 0) return;
    // A database that is silent is no failure, and no help.
    if (renewing) return onUnrenewed(leases());
    renewing = true;
    try {
      const asked = monotonicMs();
      const toRenew = leases();
      const renewed = await renew(toRenew);
      for (const intentId of renewed) {
        const entry = held.get(intentId);
        if (entry !== undefined) entry.at = asked;
      }
      // Taken over while the database was out of reach, and the answer is still to come.
      const missing = toRenew.filter(({ intentId }) => held.has(intentId) && !renewed.has(intentId));
      if (missing.length > 0) onUnrenewed(missing);
    } catch (error) {
      onUnrenewed(leases());
      onError(error);
    } finally {
      renewing = false;
    }
  };
  const timer = setInterval(() => void renewAll(), periodMs);

  const stillHeld = async (lease: Lease, how: HowToAsk): Promise<boolean> => {
    const askedAt = monotonicMs();
    const since = askedAt - (held.get(lease.intentId)?.at ?? Number.NEGATIVE_INFINITY);
    if (since < periodMs && !how.anew) return true;
    if (!(await isAlive(lease, periodMs))) return false;
    // The answer may have waited in the socket of a process that slept meanwhile: it holds for its margin, no longer.
    if (monotonicMs() - askedAt >= periodMs) return stillHeld(lease, how);
    const entry = held.get(lease.intentId);
    if (entry !== undefined) entry.at = Math.max(entry.at, askedAt + periodMs - leaseMs);
    return true;
  };

  // Not the whole of it: two machines' clocks do not run alike.
  const surelyHeld = (lease: Lease): boolean =>
    monotonicMs() - (held.get(lease.intentId)?.at ?? Number.NEGATIVE_INFINITY) < leaseMs - periodMs / 2;

  return {
    async during(lease, askedAt, work) {
      held.set(lease.intentId, { lease, at: askedAt });
      try {
        return await work({ stillHeld: (how) => stillHeld(lease, how), surelyHeld: () => surelyHeld(lease) });
      } finally {
        held.delete(lease.intentId);
      }
    },
    close: () => clearInterval(timer),
  };
}
