/** What was read, or that nothing can be: `away` until a read succeeds again. */
export type Reading<Value> = { readonly value: Value } | "away";

export interface CachedReadOptions<Value> {
  readonly read: () => Promise<Value>;
  /** How long a caller waits at most. A read that takes longer goes on, for those who ask later. */
  readonly waitMs: number;
  /** After this a read that has not ended is forgotten and the next caller begins another. */
  readonly giveUpMs: number;
  /** Told once when reading begins to fail, and once (with null) when it works again. */
  readonly onChange: (error: Error | null) => void;
  /** A clock that only goes forward, in ms. */
  readonly clock?: () => number;
}

const SHORTEST_LIFE_MS = 1_000;
const LONGEST_LIFE_MS = 30_000;
/** Reading takes at most about a sixth of the time, however large the fleet and however many ask. */
const LIFE_PER_READ_TIME = 5;

/**
 * One reading for all who ask at the same time, kept for a second or for five times what reading
 * takes, whichever is longer. Never rejects and never waits longer than `waitMs`.
 */
export function cachedRead<Value>({
  read,
  waitMs,
  giveUpMs,
  onChange,
  clock = () => performance.now(),
}: CachedReadOptions<Value>): () => Promise<Reading<Value>> {
  let kept: { readonly reading: Reading<Value>; readonly until: number } | undefined;
  let flight: { readonly startedAt: number; readonly reading: Promise<Reading<Value>> } | undefined;
  let wasAway = false;
  let lastTookMs = 0;

  return async () => {
    if (kept !== undefined && clock() < kept.until) return kept.reading;
    if (flight === undefined || clock() - flight.startedAt >= giveUpMs) flight = start();
    return within(flight.reading, flight.startedAt + waitMs - clock());
  };

  function start(): NonNullable<typeof flight> {
    const startedAt = clock();
    const begun = { startedAt, reading: settle(startedAt) };
    void begun.reading.then(() => {
      if (flight === begun) flight = undefined;
    });
    return begun;
  }

  async function settle(startedAt: number): Promise<Reading<Value>> {
    let reading: Reading<Value>;
    try {
      reading = { value: await read() };
      note(null);
    } catch (error) {
      reading = "away";
      note(error instanceof Error ? error : new Error(String(error)));
    }
    const tookMs = clock() - startedAt;
    kept = { reading, until: clock() + (reading === "away" ? SHORTEST_LIFE_MS : lifeAfter(tookMs)) };
    lastTookMs = tookMs;
    return reading;
  }

  /** One slow read proves nothing: the first one connects. */
  function lifeAfter(tookMs: number): number {
    const typicalMs = Math.min(tookMs, lastTookMs);
    return Math.min(LONGEST_LIFE_MS, Math.max(SHORTEST_LIFE_MS, typicalMs * LIFE_PER_READ_TIME));
  }

  async function within(reading: Promise<Reading<Value>>, limitMs: number): Promise<Reading<Value>> {
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<"away">((resolve) => {
      timer = setTimeout(
        () => {
          note(new Error(`no answer within ${waitMs} ms`));
          resolve("away");
        },
        Math.max(0, limitMs),
      );
    });
    try {
      return await Promise.race([reading, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  function note(error: Error | null): void {
    const isAway = error !== null;
    if (isAway !== wasAway) onChange(error);
    wasAway = isAway;
  }
}
