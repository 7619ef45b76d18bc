import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { resolveDescriptor, type TokenClient } from "@evergrant/providers";
import type { Logger } from "@evergrant/runtime";
import {
  claim,
  isLeaseAlive,
  isRefusal,
  isRowHeld,
  isTimeout,
  isTransient,
  loadApps,
  nextCandidate,
  readVouching,
  refuseCandidate,
  renewLeases,
  type Settlement,
  type Store,
  settle,
} from "@evergrant/store";
import type { Escrow } from "@evergrant/store/escrow";
import type { TokenVault } from "@evergrant/store/secrets";
import type { Registry } from "prom-client";
import { createCredentialCache } from "./app-credentials.ts";
import { batchOfEach } from "./batch.ts";
import { claimMany } from "./claim-many.ts";
import { createEmitter } from "./emit.ts";
import type { WorkerEnv } from "./env.ts";
import { openSafekeeping } from "./escrow/open-safekeeping.ts";
import { keepLeases } from "./lease-keeper.ts";
import { openApp } from "./open-app.ts";
import { openBreakerWatch } from "./open-breaker-watch.ts";
import { createPresentToken } from "./present-token.ts";
import type { RefreshParts, RefreshReport } from "./refresh-connection.ts";
import { createVouch } from "./vouch.ts";
import type { TroubleWatch } from "./watch-trouble.ts";

const LARGEST_CLAIM = 256;
const LARGEST_SETTLE = 128;

/** Wires the use-case to the store, the vault, the escrow and the provider client of this process. */
export function createRefreshParts({
  env,
  store,
  vault,
  escrow,
  client,
  logger,
  register,
  trouble,
  onError,
  isStopping,
}: {
  readonly env: Pick<WorkerEnv, "EVERGRANT_LEASE_MS">;
  readonly store: Store;
  readonly vault: TokenVault;
  readonly escrow: Escrow;
  readonly client: TokenClient;
  readonly logger: Logger;
  readonly register: Registry;
  readonly trouble: TroubleWatch;
  readonly onError: (error: unknown) => void;
  readonly isStopping: () => boolean;
}): { readonly parts: RefreshParts & { appIds(): Promise<Iterable<string>> }; readonly close: () => Promise<void> } {
  const leaseMs = env.EVERGRANT_LEASE_MS;
  const monotonicMs = () => performance.now();
  // Unique for ever: a restarted pod may have the name and the pid of its predecessor.
  const writer = `${hostname()}/${randomUUID().slice(0, 8)}`;
  const credentials = createCredentialCache({
    load: () => loadApps(store),
    open: (app) => openApp(app, vault, resolveDescriptor),
    monotonicMs,
  });
  const leases = keepLeases({
    leaseMs,
    renew: (held) => renewLeases(store, held, leaseMs),
    isAlive: (lease, marginMs) => isLeaseAlive(store, lease, marginMs),
    onUnrenewed: (held) => safekeeping.stillAwaits(held, leaseMs),
    onError: (error) => {
      trouble.note();
      onError(error);
    },
    monotonicMs,
  });
  const onWaiting = (error: unknown, waiting: number) => {
    // A row that somebody holds, or that is refused, says nothing of the database.
    if (!isRowHeld(error) && !isRefusal(error)) trouble.note();
    logger[isTransient(error) ? "warn" : "error"]({ err: error, waiting }, "settles are not taken, trying again");
  };
  const policy = async (appId: string) => (await credentials.all()).get(appId)?.descriptor.breaker ?? null;
  const breakers = openBreakerWatch({ store, policy, logger, onError });
  const write = async (rows: readonly Settlement[]) => {
    await breakers.beforeSettle(rows);
    return settle(store, rows, writer);
  };
  const safekeeping = openSafekeeping({ escrow, vault, logger, write, isRefusal, isTimeout, onError });

  const settling = { write, isRefusal, isTimeout, onWaiting, isStopping, letGoAfterMs: leaseMs };
  const emit = createEmitter(logger, register);

  const parts = {
    appIds: async () => (await credentials.all()).keys(),
    credentials: async (appId: string) => {
      const app = (await credentials.all()).get(appId);
      if (app === undefined) throw new Error(`The OAuth app ${appId} is not known to this worker yet.`);
      return app;
    },
    claim: batchOfEach(
      claimMany({
        claim: (connectionIds) =>
          claim(store, connectionIds, { holder: writer, leaseMs, mayTakeOver: trouble.sinceMs > leaseMs }),
        isRefusal,
        onTrouble: trouble.note,
        monotonicMs,
      }),
      LARGEST_CLAIM,
    ),
    settle: batchOfEach(
      (settlements: readonly Settlement[]) => safekeeping.settle(settlements, settling),
      LARGEST_SETTLE,
    ),
    leases,
    takeOver: safekeeping.takeOver,
    present: createPresentToken(client, vault),
    candidates: {
      next: (...args: Parameters<RefreshParts["candidates"]["next"]>) => nextCandidate(store, ...args),
      refuse: (refused: Parameters<RefreshParts["candidates"]["refuse"]>[0]) => refuseCandidate(store, refused),
    },
    vouch: createVouch({
      policy,
      read: (refused, limits) => readVouching(store, refused, limits),
      onError,
    }),
    vault,
    emit: (report: RefreshReport) => {
      emit(report);
      breakers.note(report);
    },
    monotonicMs,
  };
  const close = async () => {
    leases.close();
    await breakers.idle();
    await safekeeping.close();
  };
  return { parts, close };
}
