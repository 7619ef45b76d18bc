import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { generateKey } from "@evergrant/store/secrets";
import type { NodeProcess } from "@evergrant/testkit";
import type { Stage } from "../stage/start-stage.ts";
import type { Contender, Ground, Prepared, WorkerOptions } from "./contender.ts";
import { judgeRun } from "./judge-run.ts";

const minute = 60_000;
const lookEveryMs = 100;
/** A run slower than this many a second is given up. */
const slowestPerSecond = 50;
/** A worker lives for weeks: compiling its code is no part of what it does in a second. */
const warmUpShare = 0.2;

/** One measured run of one side. */
export interface Run {
  readonly contender: string;
  readonly concurrency: number;
  /** Those counted: all but the first fifth, which warms the worker up. */
  readonly refreshes: number;
  /** From the first of their token requests that the provider saw to the last token set in the database. */
  readonly seconds: number;
  readonly perSecond: number;
  /** What the audit found wrong; such a run proves nothing. */
  readonly faults: readonly string[];
}

/**
 * Measures one side on a database, a client and grants of its own. All jobs wait in the queue before
 * its worker process starts; neither starting up nor the first fifth is counted.
 *
 * @throws Error when the worker ends by itself or does not come to an end
 */
export async function measure(
  stage: Stage,
  contender: Contender,
  { connections, ...options }: WorkerOptions & { readonly connections: number },
): Promise<Run> {
  return stage.withDatabase(async (databaseUrl) => {
    const ground = await prepareGround(stage, databaseUrl, connections);
    const prepared = await contender.prepare(ground);
    try {
      await stage.settleDisk(databaseUrl);
      await workThrough(prepared, options, connections);
      return {
        contender: contender.name,
        concurrency: options.concurrency,
        ...(await assess(stage, prepared, ground)),
      };
    } finally {
      await prepared.close();
    }
  });
}

async function prepareGround(
  { simulator, redisUrl, tokenUrl }: Stage,
  databaseUrl: string,
  count: number,
): Promise<Ground> {
  const clientId = `bench-${randomBytes(4).toString("hex")}`;
  const clientSecret = randomBytes(24).toString("base64url");
  await simulator.register({ id: clientId, kind: "xero", secrets: [clientSecret] });
  // Older than an access token lives: all are due at once.
  const grants = await simulator.mint({ clientId, count, ageMs: 31 * minute });
  return { databaseUrl, redisUrl, tokenUrl, clientId, clientSecret, keyRing: generateKey(), grants };
}

async function workThrough(prepared: Prepared, options: WorkerOptions, connections: number): Promise<void> {
  const worker = prepared.startWorker(options);
  try {
    await allDone(prepared, worker, minute + (connections / slowestPerSecond) * 1000);
  } finally {
    await worker.stop();
  }
}

async function allDone(prepared: Prepared, worker: NodeProcess, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const open = await prepared.openJobs();
    if (open === 0) return;
    if (!worker.isRunning()) throw new Error(`${worker.name} ended with ${open} jobs to do:\n${worker.lastWords()}`);
    if (performance.now() > deadline)
      throw new Error(`${worker.name} left ${open} jobs undone:\n${worker.lastWords()}`);
    await delay(lookEveryMs);
  }
}

async function assess({ simulator }: Stage, prepared: Prepared, ground: Ground) {
  const audit = await simulator.audit(ground.clientId);
  const grants = await simulator.auditGrants(ground.clientId);
  const { refreshTokens, lastStoredAt } = await prepared.readStored();
  const { grants: stored } = await simulator.check({ grants: { ...refreshTokens } });
  const faults = judgeRun({ expected: ground.grants.length, audit, grants, stored });

  const requestedAt = grants.flatMap((grant) => grant.lastPresentedAt ?? []).sort((a, b) => a - b);
  const counted = requestedAt.slice(Math.floor(requestedAt.length * warmUpShare));
  const refreshes = counted.length;
  const seconds = (lastStoredAt - (counted[0] ?? lastStoredAt)) / 1000;
  return { refreshes, seconds, perSecond: refreshes / seconds, faults };
}
