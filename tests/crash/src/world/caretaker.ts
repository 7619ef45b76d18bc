import type { Holdings } from "../audit/holdings.ts";
import type { Loss, Losses } from "../audit/losses.ts";
import { backUp } from "./backups.ts";
import type { Operator, Population } from "./population.ts";
import type { Postgres } from "./postgres.ts";

const passEveryMs = 8_000;
/** A breaker that is open for longer than this for rejections is looked at by somebody. */
const acceptAfterMs = 4_000;

/**
 * The operator on duty: makes backups, has the customers of ended grants reconnect, and tells a breaker that a wave of
 * rejections is real once no mistake of ours is under way.
 */
export interface Caretaker {
  /** Does nothing until the function that it returns is called: while a mistake is under way that it would hide. */
  pause(): () => void;
  /** Leaves these connections alone until the function that it returns is called. */
  spare(connectionIds: readonly string[]): () => void;
  /** One look at everything, now. */
  pass(): Promise<void>;
  readonly reconnected: number;
  readonly accepted: number;
  close(): Promise<void>;
}

export interface CaretakerParts {
  readonly postgres: Postgres;
  readonly holdings: Holdings;
  readonly losses: Losses;
  readonly population: Population;
  readonly operator: Operator;
  /** Told of what could not be done; it is tried again with the next pass. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

export function createCaretaker(parts: CaretakerParts): Caretaker {
  const spared = new Map<symbol, ReadonlySet<string>>();
  /** Endings whose new grant is not confirmed yet, by connection. */
  const judged = new Map<string, Judged>();
  const counts = { reconnected: 0, accepted: 0 };
  let pauses = 0;
  let passing: Promise<void> | undefined;

  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      parts.onTrouble(what, error);
    }
  };
  const passOnce = async () => {
    if (pauses > 0 || !parts.postgres.isUp) return;
    await attempt("backing up", () => backUp(parts.postgres));
    await attempt("reconnecting", async () => {
      const isSpared = (id: string) => [...spared.values()].some((ids) => ids.has(id));
      counts.reconnected += await reconnectEnded(parts, judged, isSpared);
    });
    await attempt("accepting a breaker", async () => {
      counts.accepted += await acceptWaves(parts);
    });
  };
  const pass = () => {
    passing ??= passOnce().finally(() => {
      passing = undefined;
    });
    return passing;
  };
  const timer = setInterval(() => void pass(), passEveryMs);

  return {
    pause() {
      pauses += 1;
      return once(() => {
        pauses -= 1;
      });
    },
    spare(connectionIds) {
      const key = Symbol("spared");
      spared.set(key, new Set(connectionIds));
      return () => void spared.delete(key);
    },
    pass,
    get reconnected() {
      return counts.reconnected;
    },
    get accepted() {
      return counts.accepted;
    },
    async close() {
      clearInterval(timer);
      await passing;
    },
  };
}

/**
 * What an ending means is judged before the grant is replaced, and booked when it has been: a connection that
 * a late answer revives in between has lost nothing.
 */
async function reconnectEnded(
  { postgres, holdings, losses, population }: CaretakerParts,
  judged: Map<string, Judged>,
  isSpared: (id: string) => boolean,
): Promise<number> {
  const rows = await postgres.query<{ id: string; appId: string }>(
    `SELECT id, app_id AS "appId" FROM connection WHERE state = 'needs_reauth'`,
  );
  const ended = rows.filter(({ id }) => !isSpared(id));
  const news = ended.filter(({ id }) => !judged.has(id)).map(({ id }) => id);
  for (const item of await judgeEnded(holdings, population, news)) judged.set(item.connectionId, item);
  const reconnected = await population.reconnect(ended);
  for (const id of reconnected) {
    const loss = judged.get(id);
    if (loss?.isAccepted === true) losses.endFalsely(loss);
    else if (loss !== undefined) losses.lose(loss);
  }
  // Those that were not replaced are judged anew when they end again.
  judged.clear();
  return reconnected.length;
}

interface Judged extends Loss {
  readonly isAccepted: boolean;
}

/** What the provider says of the grants that the customers of these connections gave them last. */
async function judgeEnded(
  holdings: Holdings,
  population: Population,
  connectionIds: readonly string[],
): Promise<Judged[]> {
  if (connectionIds.length === 0) return [];
  const held = await holdings.read(connectionIds);
  return connectionIds.flatMap((connectionId) => {
    const grantId = population.currentGrantsOf(connectionId).at(-1);
    if (grantId === undefined) return [];
    const tokens = held.filter((token) => token.connectionId === connectionId && token.grantId === grantId);
    const at = Math.max(0, ...tokens.map(({ grant }) => grant?.newestIssuedAt ?? 0));
    return [{ connectionId, grantId, isAccepted: tokens.some(({ accepted }) => accepted), at }];
  });
}

async function acceptWaves({ postgres, operator }: CaretakerParts): Promise<number> {
  const open = await postgres.query<{ id: string }>(
    `SELECT id FROM oauth_app WHERE breaker_state <> 'closed' AND breaker_reason = 'rejections'
       AND breaker_changed_at < clock_timestamp() - $1 * interval '1 ms'`,
    [acceptAfterMs],
  );
  for (const { id } of open) await acceptBreaker({ postgres, operator }, id);
  return open.length;
}

/** Tells the breaker that the refusals are real. One that a probe has closed meanwhile needs no telling. */
export async function acceptBreaker(
  { postgres, operator }: { readonly postgres: Postgres; readonly operator: Operator },
  appId: string,
): Promise<void> {
  const { code, stderr } = await operator(["breaker", "accept", appId]);
  if (code !== 0 && (await isBreakerOpen(postgres, appId))) throw new Error(`evergrant breaker accept: ${stderr}`);
}

export async function isBreakerOpen({ query }: Postgres, appId: string): Promise<boolean> {
  const rows = await query("SELECT 1 FROM oauth_app WHERE id = $1 AND breaker_state <> 'closed'", [appId]);
  return rows.length > 0;
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
