import { setTimeout as sleep } from "node:timers/promises";
import type { RefreshTicket } from "@evergrant/store";
import type { AdminEnv } from "../env.ts";

/** Above this the scheduler, which reads whole batches, is the faster messenger. */
const MOST_URGED = 100;
const CLOSE_WITHIN_MS = 1_000;

/** Tells the queue that someone waits. Only a hint: the row is already due, and the scheduler looks every second. */
export interface Hints {
  /** Never fails: a queue that is away is remarked on and costs the time until the scheduler's next look. */
  send(tickets: readonly RefreshTicket[]): Promise<void>;
  close(): Promise<void>;
}

/** Loads the queue's client and connects in the background. */
export function openHints(env: AdminEnv, remark: (text: string) => void): Hints {
  const opening = open(env);
  // Reported by send; here only kept from ending the process before it is called.
  opening.catch(() => {});
  return {
    async send(tickets) {
      const due = tickets.filter(({ verdict }) => verdict === "due").slice(0, MOST_URGED);
      try {
        const { queues } = await opening;
        await Promise.all(due.map(({ appId, id }) => (appId === null ? undefined : queues.urge(appId, id))));
      } catch (error) {
        remark(`The queue is away (${error instanceof Error ? error.name : "error"}): the scheduler will pass it on.`);
      }
    },
    close: () => Promise.race([opening.then(({ close }) => close()).catch(() => {}), sleep(CLOSE_WITHIN_MS)]),
  };
}

async function open(env: AdminEnv) {
  const { createQueueBackend, RefreshQueues } = await import("@evergrant/queue");
  const backend = createQueueBackend({ redisUrl: env.REDIS_URL, databaseUrl: env.DATABASE_URL, onError: () => {} });
  const queues = new RefreshQueues(backend);
  const close = async () => {
    await queues.close();
    await backend.close();
  };
  return { queues, close };
}
