import { isSuccess } from "@evergrant/core";
import type { Settlement } from "@evergrant/store";
import { watchBreakers } from "@evergrant/worker/breaker-watch";
import { createEscrowKeeper } from "@evergrant/worker/escrow-keeper";
import { createPresentToken } from "@evergrant/worker/present-token";
import { type RefreshParts, type RefreshReport, refreshConnection } from "@evergrant/worker/refresh-connection";
import { settleWaiting } from "@evergrant/worker/settle-waiting";
import { createTakeOver } from "@evergrant/worker/take-over";
import { createVouch } from "@evergrant/worker/vouch";
import type { Watch } from "../checks/watch.ts";
import { APP_IDS, type AppId, DESCRIPTORS } from "../provider/apps.ts";
import type { Conditions } from "../provider/conditions.ts";
import { type TokenEndpointParts, tokenEndpointFor } from "../provider/token-endpoint.ts";
import type { LiveCustomer } from "../world/live-customer.ts";
import { LEASE_MS, WORKER_CONCURRENCY } from "../world/settings.ts";
import { type Database, DatabaseAway } from "./database.ts";
import type { HintQueues } from "./hint-queues.ts";
import { plainVault } from "./plain-vault.ts";
import type { VirtualEscrow } from "./virtual-escrow.ts";
import { keepVirtualLeases } from "./virtual-leases.ts";
import type { VirtualProcess } from "./virtual-process.ts";
import { settleInVirtualTime } from "./virtual-settle.ts";

export interface WorkerParts {
  readonly database: Database;
  readonly escrow: VirtualEscrow;
  readonly conditions: Conditions;
  readonly endpoint: TokenEndpointParts;
  readonly queues: () => HintQueues;
  readonly customersById: ReadonlyMap<string, LiveCustomer>;
  readonly watch: Watch;
}

/** A worker process: production's use-case, wired to what is virtual. */
export class Worker {
  readonly process: VirtualProcess;
  /** SIGTERM: no new work. */
  isStopping = false;
  /** Connections in hand, by app. */
  readonly inHand: Readonly<Record<AppId, Set<string>>> = { xero: new Set(), quickbooks: new Set(), strict: new Set() };
  readonly #parts: WorkerParts;
  readonly #useCase: ReturnType<typeof wire>;
  #onIdle: (() => void) | null = null;

  constructor(process: VirtualProcess, parts: WorkerParts) {
    this.process = process;
    this.#parts = parts;
    this.#useCase = wire(process, parts, () => this.isStopping);
  }

  get isIdle(): boolean {
    return APP_IDS.every((appId) => this.inHand[appId].size === 0);
  }

  canTake(appId: AppId): boolean {
    return this.process.isRunning && !this.isStopping && this.inHand[appId].size < WORKER_CONCURRENCY;
  }

  take(appId: AppId, connectionId: string): void {
    if (this.inHand[appId].has(connectionId)) {
      // It slept through its lease and is handed its own job again: what it has in hand comes first.
      this.process.at(this.process.clock.now, () => this.#parts.queues().done(appId, connectionId));
      return;
    }
    this.inHand[appId].add(connectionId);
    this.process.clock.spawn(() => this.#handle(appId, connectionId));
  }

  /** Settles what waits in the escrow, whoever put it there. */
  drainEscrow(): Promise<void> {
    return this.#useCase.drainEscrow();
  }

  /** Waits for what is in hand, however long that takes. */
  stop(onIdle: () => void): void {
    this.isStopping = true;
    this.#onIdle = onIdle;
    this.#tellIfIdle();
  }

  async #handle(appId: AppId, connectionId: string): Promise<void> {
    const queues = this.#parts.queues();
    try {
      const signal = await this.#useCase.refresh(connectionId);
      if (signal.kind === "throttled") queues.pause(appId, signal.retryAfterMs);
    } catch (error) {
      if (!(error instanceof DatabaseAway)) this.#report(connectionId, error);
    }
    this.inHand[appId].delete(connectionId);
    queues.done(appId, connectionId);
    this.#tellIfIdle();
  }

  /** A refresh ends with a settle whatever the provider said: anything else it throws is a bug. */
  #report(connectionId: string, error: unknown): void {
    const customer = this.#parts.customersById.get(connectionId);
    if (customer === undefined) throw error;
    this.#parts.watch.note("bug", customer, error instanceof Error ? error.message : String(error));
  }

  #tellIfIdle(): void {
    if (!this.isStopping || !this.isIdle) return;
    this.#onIdle?.();
    this.#onIdle = null;
  }
}

function wire(process: VirtualProcess, parts: WorkerParts, isStopping: () => boolean) {
  const { clock } = process;
  const now = () => clock.now;
  const store = parts.database.as(process);
  let lastTroubleAt = Number.NEGATIVE_INFINITY;
  const onError = () => {
    lastTroubleAt = clock.now;
  };
  const policy = async (appId: string) =>
    APP_IDS.flatMap((id) => (id === appId ? [DESCRIPTORS[id].breaker] : []))[0] ?? null;
  const breakers = watchBreakers({
    policy,
    readAnswers: (...rest) => store.readAnswers(...rest),
    open: (...rest) => store.openBreaker(...rest),
    endProbe: (...rest) => store.endProbe(...rest),
    onOpened: () => {},
    onClosed: () => {},
    onError: () => {},
  });
  const write = async (rows: readonly Settlement[]) => {
    await breakers.beforeSettle(rows);
    return store.settle(rows, process.name);
  };
  const keeper = createEscrowKeeper({
    escrow: parts.escrow,
    vault: plainVault,
    now,
    onUnreadable: (intentId) => {
      throw new Error(`The escrow's entry ${intentId} does not open.`);
    },
  });
  const onHomeless = ({ connectionId }: Settlement) => {
    throw new Error(`The escrow holds a token set of ${connectionId}, which is not there.`);
  };
  const waiting = { escrow: keeper, write, isRefusal: () => false, onSettled: () => {}, onHomeless, now };
  const takeOver = createTakeOver({ ...waiting, onError });
  const useCase: RefreshParts = {
    async claim(connectionId) {
      const askedAt = clock.now;
      const mayTakeOver = askedAt - lastTroubleAt > LEASE_MS;
      const [claim] = await store
        .claim([connectionId], { holder: process.name, leaseMs: LEASE_MS, mayTakeOver })
        .catch((error: unknown) => {
          onError();
          throw error;
        });
      return claim === undefined ? null : { claim, askedAt };
    },
    leases: keepVirtualLeases(process, store, {
      onUnrenewed: (leases) => void keeper.markAwaited(leases, LEASE_MS).catch(onError),
      onError,
    }),
    takeOver: async (claim) => (await takeOver([claim]))[0] ?? "unreadable",
    async credentials(appId) {
      if (parts.endpoint.traps.spring("claimed", process)) await process.pause();
      return credentialsOf(appId, parts.conditions);
    },
    present: createPresentToken({ ask: tokenEndpointFor(process, parts.endpoint), close: async () => {} }, plainVault),
    candidates: {
      next: (...rest) => store.nextCandidate(...rest),
      refuse: (...rest) => store.refuseCandidate(...rest),
    },
    vouch: createVouch({ policy, read: (...rest) => store.readVouching(...rest), onError }),
    vault: plainVault,
    settle: (settlement) =>
      settleInVirtualTime(settlement, { process, write, keeper, isStopping, onError, now, letGoAfterMs: LEASE_MS }),
    emit: (report) => breakers.note(report),
    monotonicMs: now,
  };

  return {
    async refresh(connectionId: string) {
      const told: RefreshReport[] = [];
      const emit = (report: RefreshReport) => {
        told.push(report);
        useCase.emit(report);
      };
      const signal = await refreshConnection(connectionId, { ...useCase, emit });
      for (const report of told) await afterwards(connectionId, report);
      return signal;
    },
    drainEscrow: async () => {
      const { waiting: entries } = await keeper.readAll();
      if (entries.length > 0) await settleWaiting(entries, waiting);
    },
  };

  async function afterwards(connectionId: string, report: RefreshReport): Promise<void> {
    // What a worker does in the background is over before time goes on: the same plan runs the same way.
    if (!isSuccess(report.outcome) || report.claim.isProbe) await breakers.idle();
    const customer = parts.customersById.get(connectionId);
    if (customer !== undefined) parts.watch.finished(customer, process, report.claim.intentId);
  }
}

function credentialsOf(id: string, conditions: Conditions) {
  const appId = APP_IDS.find((known) => known === id);
  if (appId === undefined) throw new Error(`There is no app ${id}.`);
  const { clientId, secret } = conditions.credentials(appId);
  return { appId, descriptor: DESCRIPTORS[appId], clientId, secrets: [{ id: 1n, value: secret }], fault: null };
}
