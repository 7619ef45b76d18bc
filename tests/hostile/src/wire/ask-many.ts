import type { Outcome } from "@evergrant/core";
import { createTokenClient, refresh, type TokenClient } from "@evergrant/providers";
import fc from "fast-check";
import { checkOutcome } from "../answers/check-case.ts";
import type { Judged } from "../answers/judge-many.ts";
import { type MisbehavingServer, startMisbehavingServer } from "./misbehaving-server.ts";
import { type WireCase, wireCase } from "./wire-case.ts";

const BATCH = 500;
const CONCURRENCY = 64;
/** For answers that never end. */
const ANSWER_TIMEOUT_MS = 300;
/** For whole ones, which must be heard on a busy machine too. */
const WHOLE_ANSWER_TIMEOUT_MS = 20_000;
/** A request begins within 15 s and is answered within its own time. */
const LONGEST_MS = 30_000;

/**
 * Has the real token client ask a server that keeps to no rule of HTTP, so many times, 64 at once, in
 * batches of 500 with the seeds `seed`, `seed + 1`, ….
 *
 * @throws Error with the rule that was broken, the smallest case that breaks it, and the seed
 */
export async function askMany(options: {
  readonly answers: number;
  readonly seed: number;
  readonly onProgress?: (answers: number) => void;
}): Promise<Judged> {
  const { answers, seed } = options;
  const outcomes: Record<string, number> = {};
  const startedAt = performance.now();
  const server = await startMisbehavingServer();
  const client = createTokenClient();
  try {
    for (let done = 0; done < answers; done += BATCH) {
      const numRuns = Math.min(BATCH, answers - done);
      const batchSeed = seed + done / BATCH;
      await eachAtOnce(fc.sample(wireCase, { seed: batchSeed, numRuns }), async (given, index) => {
        const { kind } = await ask(given, client, server).catch((error) =>
          shrink(error, batchSeed, index, client, server),
        );
        outcomes[kind] = (outcomes[kind] ?? 0) + 1;
      });
      options.onProgress?.(done + numRuns);
    }
  } finally {
    await server.close();
    await client.close();
  }
  return { answers, seconds: (performance.now() - startedAt) / 1000, outcomes };
}

async function ask(given: WireCase, client: TokenClient, server: MisbehavingServer): Promise<Outcome> {
  const { url, requests, isAnswered } = server.expect(given.script);
  const { refreshToken, clientSecret } = given.presented;
  const answerTimeoutMs = given.statusIfWhole === null ? ANSWER_TIMEOUT_MS : WHOLE_ANSWER_TIMEOUT_MS;
  const { outcome } = await within(
    LONGEST_MS,
    refresh({
      client,
      descriptor: { ...given.descriptor, tokenUrl: url, answerTimeoutMs },
      clientId: "client-1",
      clientSecrets: clientSecret === null ? [] : [clientSecret],
      refreshToken,
    }),
  );
  const body = new TextDecoder().decode(Buffer.from(given.body));
  // A connection can fail before it carries anything, and then there is nothing to be understood.
  const status = isAnswered() ? (given.statusIfWhole ?? 0) : 0;
  const answer = { kind: "http" as const, status, headers: {}, body, bodyFault: null };
  checkOutcome(outcome, { ...given, answer });
  if (requests() > 1) throw new Error("Broken: a refresh token is presented once");
  const wasNeverSent = outcome.kind === "unavailable" && outcome.reason.startsWith("not_sent:");
  if (wasNeverSent && requests() > 0) throw new Error("Broken: what is said to be unsent was not sent");
  return outcome;
}

/** Plays the case again, alone and ever smaller. One that fails in company only is told as it failed. */
async function shrink(
  error: unknown,
  seed: number,
  index: number,
  client: TokenClient,
  server: MisbehavingServer,
): Promise<never> {
  const property = fc.asyncProperty(wireCase, async (given) => void (await ask(given, client, server)));
  await fc.assert(property, { seed, path: String(index), numRuns: 1 });
  throw new Error(`Only in company: case ${index} of seed ${seed}`, { cause: error });
}

async function eachAtOnce<Item>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const waiting = items.entries();
  const workers = Array.from({ length: CONCURRENCY }, async () => {
    for (const [index, item] of waiting) await work(item, index);
  });
  await Promise.all(workers);
}

async function within<Value>(ms: number, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("Broken: every request ends in its time")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
