import type { RefreshFailed } from "@evergrant/core";
import { type Claim, claim, type Settlement, type Store, settle } from "@evergrant/store";
import type { Operator } from "./operator.ts";

const RETRY_MS = 60_000;
const LIFETIME_MS = 1_800_000;

/** What a worker would settle after a good answer. */
export function success({ store: _, vault }: Operator, claimed: Claim): Settlement {
  const connectionId = claimed.connection.id;
  const generation = claimed.generation + 1;
  const token = `canary-${connectionId}-${generation}`;
  const seal = (field: "refreshToken" | "accessToken") => vault.sealToken({ connectionId, field, generation }, token);
  return {
    ...settlementOf(claimed),
    outcome: "rotated",
    tokens: {
      refreshToken: seal("refreshToken"),
      accessToken: seal("accessToken"),
      fingerprint: vault.fingerprint(token),
      secretId: null,
    },
    decision: {
      ...settlementOf(claimed).decision,
      dueAt: claimed.claimedAt + LIFETIME_MS / 2,
      accessTokenExpiresAt: claimed.claimedAt + LIFETIME_MS,
    },
  };
}

/** What a worker would settle after a refusal. */
export function failure(
  claimed: Claim,
  said: { outcome?: RefreshFailed["outcome"]; reason: string; status: number | null; ends?: boolean },
): Settlement {
  const { outcome = "misconfigured", reason, status, ends = false } = said;
  const evidence = { status, requestId: "tid-1", error: reason, errorDescription: null };
  const failed: RefreshFailed = {
    kind: "refresh_failed",
    outcome,
    reason,
    cause: null,
    strikes: 0,
    failures: 1,
    retryInMs: RETRY_MS,
    evidence,
  };
  const { decision, ...rest } = settlementOf(claimed);
  return {
    ...rest,
    outcome,
    tokens: null,
    decision: {
      ...decision,
      state: ends ? "needs_reauth" : "active",
      dueAt: ends ? null : claimed.claimedAt + RETRY_MS,
      cause: ends ? "unexplained" : null,
      failures: 1,
      events: [failed],
    },
  };
}

function settlementOf(claimed: Claim): Omit<Settlement, "outcome" | "tokens"> {
  const { accessTokenExpiresAt, grantExpiresAt, grantHardExpiresAt } = claimed.connection;
  return {
    connectionId: claimed.connection.id,
    appId: claimed.appId,
    intentId: claimed.intentId,
    generation: claimed.generation,
    durationMs: 10,
    latenessMs: 10,
    decision: {
      state: "active",
      dueAt: null,
      accessTokenExpiresAt,
      grantExpiresAt,
      grantHardExpiresAt,
      strikes: 0,
      firstStrikeAt: null,
      failures: 0,
      unknownSince: null,
      cause: null,
      events: [],
    },
  };
}

/** Ends a grant as two refusals would. */
export async function endGrant({ store }: Operator, id: string): Promise<void> {
  await store.prisma.connection.update({
    where: { id },
    data: { state: "needs_reauth", stateReason: "unexplained", dueAt: null, stateChangedAt: new Date() },
  });
}

/** Refreshes whatever becomes due of these connections, as a worker would, until it is stopped. */
export function startWorker(
  store: Store,
  connectionIds: readonly string[],
  answer: (claimed: Claim) => Settlement,
): { readonly claims: () => number; stop(): Promise<void> } {
  let claims = 0;
  let isStopping = false;
  const work = async () => {
    while (!isStopping) {
      const claimed = await claim(store, connectionIds, { holder: "worker", leaseMs: 30_000 });
      claims += claimed.length;
      await settle(store, claimed.map(answer), "worker");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const working = work();
  return {
    claims: () => claims,
    async stop() {
      isStopping = true;
      await working;
    },
  };
}
