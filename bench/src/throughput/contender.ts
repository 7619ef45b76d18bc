import type { MintedGrant, NodeProcess } from "@evergrant/testkit";

/** One side of the comparison. */
export interface Contender {
  readonly name: string;
  /** Stores all grants and queues a job for each, all due at once. No worker runs yet. */
  prepare(ground: Ground): Promise<Prepared>;
}

/** Where one run takes place: a fresh database, a fresh client at the provider, grants just minted. */
export interface Ground {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly tokenUrl: string;
  /** Client id at the provider; unique, so it also names the app and the queue. */
  readonly clientId: string;
  readonly clientSecret: string;
  readonly keyRing: string;
  readonly grants: readonly MintedGrant[];
}

export interface Prepared {
  /** Starts the one worker process. It ends by itself only when something is wrong. */
  startWorker(options: WorkerOptions): NodeProcess;
  /** Jobs that are not done. */
  openJobs(): Promise<number>;
  readStored(): Promise<Stored>;
  close(): Promise<void>;
}

export interface WorkerOptions {
  /** Refreshes in flight at once. */
  readonly concurrency: number;
  /** For the Node process, such as those of its profiler. */
  readonly nodeArgs: readonly string[];
}

/** What the database holds after a run. */
export interface Stored {
  /** Refresh tokens in the clear, by grant. */
  readonly refreshTokens: Readonly<Record<string, string>>;
  /** When the last token set was stored, epoch ms. */
  readonly lastStoredAt: number;
}
