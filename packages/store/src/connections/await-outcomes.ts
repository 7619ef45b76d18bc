import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionState, OutcomeKind } from "@evergrant/core";
import type { QuerySource } from "./query-source.ts";
import type { RefreshTicket } from "./request-refresh.ts";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
const PAUSE_GROWTH = 1.15;

/** How a requested refresh ended. Times are epoch ms of the database's clock. */
export interface RefreshAnswer {
  readonly id: string;
  readonly outcome: OutcomeKind;
  /** One of a closed vocabulary or the provider's `error` code; null after a success. */
  readonly reason: string | null;
  /** HTTP status and the provider's own id of the request, for whoever asks the provider; null after a success. */
  readonly status: number | null;
  readonly requestId: string | null;
  readonly state: ConnectionState;
  readonly generation: number;
  readonly accessTokenExpiresAt: number | null;
  /** When it is tried again after a failure, or refreshed next. */
  readonly dueAt: number | null;
  readonly attemptedAt: number;
}

/**
 * Waits for the answers of requested refreshes and yields each as it comes: one statement per look
 * for all that are still open, first after 50 ms, then less often. Ends when all are answered or the
 * time is up; what was not yielded by then is still under way and goes on without the caller.
 *
 * @throws the driver's error when the database goes away
 */
export async function* awaitOutcomes(
  { prisma }: QuerySource,
  tickets: readonly RefreshTicket[],
  { timeoutMs }: { readonly timeoutMs: number },
): AsyncGenerator<RefreshAnswer, void> {
  const open = new Map(tickets.flatMap(({ id, since }) => (since === null ? [] : [[id, since] as const])));
  const until = performance.now() + timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  if (![...tickets].some((ticket) => ticket.verdict === "fresh")) await sleep(Math.min(pauseMs, timeoutMs));
  while (open.size > 0) {
    for (const answer of await readAnswers({ prisma }, open)) {
      open.delete(answer.id);
      yield answer;
    }
    const leftMs = until - performance.now();
    if (open.size === 0 || leftMs <= 0) return;
    await sleep(Math.min(pauseMs, leftMs));
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * PAUSE_GROWTH);
  }
}

async function readAnswers({ prisma }: QuerySource, open: ReadonlyMap<string, number>): Promise<RefreshAnswer[]> {
  const rows = await prisma.$queryRaw<AnswerRow[]>`
    SELECT c.id, c.last_outcome, c.last_attempt_at, c.state::text, c.due_at, c.access_token_expires_at, t.generation,
           e.detail->>'reason' AS reason, (e.detail->'evidence'->>'status')::int AS status,
           e.detail->'evidence'->>'requestId' AS request_id
    FROM unnest(${[...open.keys()]}::text[], ${[...open.values()].map((since) => new Date(since))}::timestamptz[]) AS o(id, since)
    JOIN connection c ON c.id = o.id AND c.last_attempt_at >= o.since
    JOIN token_set t ON t.connection_id = c.id
    LEFT JOIN LATERAL (
      SELECT detail FROM refresh_event
      WHERE connection_id = c.id AND kind = 'refresh_failed' AND c.last_outcome NOT IN ('rotated', 'renewed')
      ORDER BY id DESC LIMIT 1
    ) e ON true`;
  return rows.map((row) => ({
    id: row.id,
    outcome: row.last_outcome,
    reason: row.reason,
    status: row.status,
    requestId: row.request_id,
    state: row.state,
    generation: row.generation,
    accessTokenExpiresAt: row.access_token_expires_at?.getTime() ?? null,
    dueAt: row.due_at?.getTime() ?? null,
    attemptedAt: row.last_attempt_at.getTime(),
  }));
}

interface AnswerRow {
  readonly id: string;
  readonly last_outcome: OutcomeKind;
  readonly last_attempt_at: Date;
  readonly state: ConnectionState;
  readonly due_at: Date | null;
  readonly access_token_expires_at: Date | null;
  readonly generation: number;
  readonly reason: string | null;
  readonly status: number | null;
  readonly request_id: string | null;
}
