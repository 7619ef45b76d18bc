import type { JobsOptions } from "bullmq";

/** Reserved for `RefreshQueues.urge`: BullMQ takes jobs without a priority before all others. */
export const URGENT_PRIORITY = 0;
/** The most urgent priority of an offer. */
export const FIRST_PRIORITY = 1;
/** The least urgent priority of an offer: BullMQ keeps priorities in 21 bits. */
const LAST_PRIORITY = 2 ** 21 - 1;

const FAILED_JOBS_KEPT = 100;
/** Ids that come in by an import have 128 characters at most. */
const LONGEST_ID = 256;

/** All that a refresh job carries. Tokens, secrets and customers' names have no place in a queue. */
interface RefreshJobData {
  readonly connectionId: string;
}

export interface RefreshJob {
  readonly name: "refresh";
  readonly data: RefreshJobData;
  readonly opts: JobsOptions;
}

/**
 * The job that hints at one connection.
 *
 * Deduplication is the simple mode, without a time to live: while a job of this connection waits or runs, another one is
 * dropped; the key goes when the job completes or fails, and is replaced when its job is found to be lost. One attempt: a
 * failed job means a bug, and what is due again is found in the row.
 *
 * @param priority from 1 (most urgent) to 2^21 - 1; values outside are moved to the nearest end, fractions cut off.
 * @throws RangeError when the priority is not a number.
 */
export function refreshJobOf(connectionId: string, priority: number): RefreshJob {
  return {
    name: "refresh",
    data: { connectionId },
    opts: {
      priority: legalPriority(priority),
      deduplication: { id: connectionId },
      attempts: 1,
      removeOnComplete: true,
      removeOnFail: { count: FAILED_JOBS_KEPT },
    },
  };
}

/**
 * The connection that a job hints at.
 *
 * @throws TypeError when the data are not a refresh job's: written by another program, another release, or
 *   anyone else who reaches the queue. The message repeats nothing of them.
 */
export function connectionIdOf(data: unknown): string {
  const hasId = typeof data === "object" && data !== null && Object.hasOwn(data, "connectionId");
  const id = hasId && "connectionId" in data ? data.connectionId : undefined;
  if (typeof id !== "string" || !isId(id)) throw new TypeError("A job in a refresh queue holds no connection id.");
  return id;
}

/** Jobs are claimed many at once, and PostgreSQL refuses a whole statement for one text that holds a NUL. */
function isId(text: string): boolean {
  return text.length <= LONGEST_ID && /^[^\p{Cc}\p{Surrogate}]+$/u.test(text);
}

function legalPriority(priority: number): number {
  if (Number.isNaN(priority)) throw new RangeError("The priority of a refresh job is not a number.");
  return Math.min(Math.max(Math.trunc(priority), FIRST_PRIORITY), LAST_PRIORITY);
}
