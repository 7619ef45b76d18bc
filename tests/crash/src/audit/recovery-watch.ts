import type { Postgres } from "../world/postgres.ts";

const lookEveryMs = 300;

/**
 * Measures how long a fault is felt: from its end, or from the kill, until every connection that was due or in hand
 * then has been refreshed again or has been found to be lost, whatever else happened meanwhile.
 */
export interface RecoveryWatch {
  /** Begins to watch connections that a fault has kept waiting since then; without a list, all that are due now. */
  begin(kind: string, felt?: { readonly connectionIds: readonly string[]; readonly since: number }): Promise<void>;
  /** Seconds by kind of fault, in the order in which they ended. */
  readonly seconds: ReadonlyMap<string, readonly number[]>;
  /** Faults that are still felt, and by whom. */
  readonly open: readonly { readonly kind: string; readonly connectionIds: readonly string[] }[];
  close(): void;
}

interface Watched {
  readonly kind: string;
  /** Epoch ms. */
  readonly since: number;
  readonly waiting: Set<string>;
}

export function createRecoveryWatch(postgres: Postgres): RecoveryWatch {
  const watched = new Set<Watched>();
  const seconds = new Map<string, number[]>();
  let isLooking = false;

  const look = async () => {
    if (isLooking || watched.size === 0 || !postgres.isUp) return;
    isLooking = true;
    try {
      const ids = [...new Set([...watched].flatMap(({ waiting }) => [...waiting]))];
      const answered = new Map((await readAnswered(postgres, ids)).map((row) => [row.id, row.answeredAt]));
      for (const item of watched) settle(item, answered);
    } catch {
      // The database is away; the next look may find it.
    } finally {
      isLooking = false;
    }
  };
  const settle = (item: Watched, answered: ReadonlyMap<string, number | null>) => {
    for (const id of item.waiting) {
      const at = answered.get(id);
      if (at === undefined || (at !== null && at >= item.since)) item.waiting.delete(id);
    }
    if (item.waiting.size > 0) return;
    watched.delete(item);
    seconds.set(item.kind, [...(seconds.get(item.kind) ?? []), (Date.now() - item.since) / 1_000]);
  };
  const timer = setInterval(() => void look(), lookEveryMs);

  return {
    async begin(kind, felt) {
      const { since, connectionIds } = felt ?? { since: Date.now(), connectionIds: await readDue(postgres) };
      if (connectionIds.length > 0) watched.add({ kind, since, waiting: new Set(connectionIds) });
    },
    seconds,
    get open() {
      return [...watched].map(({ kind, waiting }) => ({ kind, connectionIds: [...waiting] }));
    },
    close: () => clearInterval(timer),
  };
}

async function readDue(postgres: Postgres): Promise<string[]> {
  const rows = await postgres.query<{ id: string }>(
    "SELECT id FROM connection WHERE state = 'active' AND due_at <= clock_timestamp()",
  );
  return rows.map(({ id }) => id);
}

/** What has left the list of active connections is lost; one that was given another grant begins anew. */
function readAnswered(
  postgres: Postgres,
  ids: readonly string[],
): Promise<{ readonly id: string; readonly answeredAt: number | null }[]> {
  return postgres.query(
    `SELECT id, (extract(epoch FROM last_refreshed_at) * 1000)::float8 AS "answeredAt"
     FROM connection WHERE id = ANY($1) AND state = 'active'`,
    [ids],
  );
}
