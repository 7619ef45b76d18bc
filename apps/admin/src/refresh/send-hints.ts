import type { RefreshTicket } from "@evergrant/store/requests";
import type { AdminEnv } from "../env.ts";

/** Above this the scheduler, which reads whole batches, is the faster messenger. */
const MOST_URGED = 100;

/**
 * Tells the queue that someone waits for these refreshes. Only a hint: the rows are due already, and
 * the scheduler looks every second, so a queue that is away costs that second and nothing else.
 *
 * The queue's client is loaded here, when it is known that there is something to tell: its loading
 * takes longer than everything before it.
 *
 * @returns false when the queue did not take all of it
 */
export async function sendHints(env: AdminEnv, tickets: readonly RefreshTicket[]): Promise<boolean> {
  const due = tickets.filter(({ verdict }) => verdict === "due").slice(0, MOST_URGED);
  if (due.length === 0) return true;
  const { createQueueBackend, RefreshQueues } = await import("@evergrant/queue");
  const backend = createQueueBackend({
    redisUrl: env.REDIS_URL,
    databaseUrl: env.DATABASE_URL,
    namespace: env.EVERGRANT_QUEUE_NAMESPACE,
    onError: () => {},
  });
  const queues = new RefreshQueues(backend);
  try {
    await Promise.all(due.map(({ appId, id }) => (appId === null ? undefined : queues.urge(appId, id))));
    return true;
  } catch {
    return false;
  } finally {
    // What is left of the connection ends with the process.
    void queues
      .close()
      .then(() => backend.close())
      .catch(() => {});
  }
}
