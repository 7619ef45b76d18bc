/** Keeps the leases of refreshes in flight alive, however long a provider takes to answer. */
export interface LeaseKeeper {
  /**
   * Runs `work` with the intent's lease renewed in the background. `stillHeld` tells whether the
   * lease is ours at this moment, asking the database when time has passed unseen.
   *
   * @param askedAt when the claim was asked for, by the keeper's clock: the lease began after that
   */
  during<T>(intentId: string, askedAt: number, work: (stillHeld: () => Promise<boolean>) => Promise<T>): Promise<T>;
  close(): void;
}

/** Renewed three times in a lease's life, so that two renewals may fail before it is lost. */
const RENEWALS_PER_LEASE = 3;

/**
 * @param renew renews the leases named, answers with those that were lost; may throw when the
 *   database is away, then the next round tries again
 * @param monotonicMs milliseconds of a clock that never jumps
 */
export function keepLeases({
  leaseMs,
  renew,
  onError,
  monotonicMs,
}: {
  readonly leaseMs: number;
  readonly renew: (intentIds: readonly string[]) => Promise<readonly string[]>;
  readonly onError: (error: unknown) => void;
  readonly monotonicMs: () => number;
}): LeaseKeeper {
  const periodMs = leaseMs / RENEWALS_PER_LEASE;
  /** When each lease was last known to be ours. */
  const heldAt = new Map<string, number>();
  let renewing = false;

  const renewAll = async () => {
    if (heldAt.size === 0 || renewing) return;
    renewing = true;
    try {
      const asked = monotonicMs();
      const intentIds = [...heldAt.keys()];
      const lost = new Set(await renew(intentIds));
      for (const intentId of intentIds) if (heldAt.has(intentId) && !lost.has(intentId)) heldAt.set(intentId, asked);
    } catch (error) {
      onError(error);
    } finally {
      renewing = false;
    }
  };
  const timer = setInterval(() => void renewAll(), periodMs);

  const stillHeld = async (intentId: string) => {
    const since = monotonicMs() - (heldAt.get(intentId) ?? Number.NEGATIVE_INFINITY);
    return since < periodMs || !(await renew([intentId])).includes(intentId);
  };

  return {
    async during(intentId, askedAt, work) {
      heldAt.set(intentId, askedAt);
      try {
        return await work(() => stillHeld(intentId));
      } finally {
        heldAt.delete(intentId);
      }
    },
    close: () => clearInterval(timer),
  };
}
