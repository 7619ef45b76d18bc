import { BREAKER_REASONS, type BreakerReason, OUTCOME_KINDS, type OutcomeKind } from "@evergrant/core";
import type { Claim, Settlement } from "@evergrant/store";
import fc from "fast-check";
import { type Bench, LEASE_MS } from "../../../packages/store/test/conformance/scenario-bench.ts";
import { textOf } from "../../../packages/store/test/refresh/rows.ts";

const NAMES = ["a", "b", "c"];
const PROBE_MS = 1_000;
const WINDOW = { windowMs: LEASE_MS, rejectedShare: 0.4, acceptedShare: 0.7, acceptedForMs: 3 * LEASE_MS };

/** One thing that happens to a store. Numbers choose among the claims and settlements made so far, newest first. */
export type StoreCommand =
  | {
      readonly kind: "claim";
      readonly names: readonly string[];
      readonly holder: string;
      readonly mayTakeOver: boolean;
    }
  | {
      readonly kind: "succeed" | "fail" | "end";
      readonly claim: number;
      readonly dueInMs: number;
      readonly failures: number;
    }
  | { readonly kind: "again"; readonly settlement: number }
  | { readonly kind: "batch"; readonly count: number }
  | { readonly kind: "renew" | "alive" | "candidate"; readonly claim: number }
  | { readonly kind: "drop"; readonly candidate: number }
  | { readonly kind: "reconnect"; readonly name: string }
  | { readonly kind: "breaker"; readonly state: "closed" | "open" | "half_open"; readonly probe: string }
  | { readonly kind: "open"; readonly reason: BreakerReason; readonly sinceMs: number }
  | { readonly kind: "close"; readonly by: "operator" | "accepted" | "nobody_left" }
  | { readonly kind: "probe" | "answers" }
  | { readonly kind: "endProbe"; readonly claim: number; readonly outcome: OutcomeKind }
  | { readonly kind: "due"; readonly limit: number }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "restart" };

const choice = fc.nat({ max: 3 });
const name = fc.constantFrom(...NAMES);
const claimed = fc.constantFrom("succeed", "fail", "end");

export const storeCommand: fc.Arbitrary<StoreCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("claim"),
      names: fc.uniqueArray(name, { minLength: 1 }),
      holder: fc.constantFrom("one", "two"),
      mayTakeOver: fc.boolean(),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: claimed,
      claim: choice,
      dueInMs: fc.constantFrom(0, 0, 0, 1_000, 3_600_000),
      failures: fc.nat({ max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("again"), settlement: choice }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("batch"), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("renew", "alive", "candidate"), claim: choice }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop"), candidate: choice }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reconnect"), name }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("breaker"),
      state: fc.constantFrom("closed", "closed", "open", "half_open"),
      probe: name,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("open"),
      reason: fc.constantFrom(...BREAKER_REASONS),
      sinceMs: fc.constantFrom(0, LEASE_MS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("close"), by: fc.constantFrom("operator", "accepted", "nobody_left") }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("probe", "answers") }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("endProbe"), claim: choice, outcome: fc.constantFrom(...OUTCOME_KINDS) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("due"), limit: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("pass"), ms: fc.constantFrom(1, 999, LEASE_MS, LEASE_MS + 1) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart") }) },
);

/** What a store said and held after each command, with nothing in it that may differ between two stores. */
export async function runCommands(bench: Bench, commands: readonly StoreCommand[]): Promise<unknown[]> {
  const appId = await bench.app();
  const ids = await bench.connections(NAMES, { appId });
  const run: Run = { bench, appId, claims: [], settlements: [], candidates: [], tokens: 0 };
  const trace: unknown[] = [];
  for (const command of commands) {
    const answer = await runCommand(run, command);
    const rows = [];
    for (const id of ids) rows.push(await bench.under.connection(id));
    const breaker = await bench.under.app(appId);
    trace.push({ command, answer, held: relative({ rows, breaker }, bench.under.now(), appId) });
  }
  const told = [];
  for (const id of [appId, ...ids]) told.push(await bench.journalOf(id), await bench.outboxOf(id));
  const tally = Object.entries(await bench.under.tally()).filter(([key]) => key.startsWith(`${appId} `));
  return [...trace, { told, tally: relative(tally.sort(), 0, appId) }];
}

interface Run {
  readonly bench: Bench;
  readonly appId: string;
  readonly claims: Claim[];
  readonly settlements: Settlement[];
  readonly candidates: bigint[];
  tokens: number;
}

async function runCommand(run: Run, command: StoreCommand): Promise<unknown> {
  const { bench, appId } = run;
  const { store } = bench.under;
  const idOf = (short: string) => `${appId}-${short}`;
  switch (command.kind) {
    case "claim": {
      const { holder, mayTakeOver } = command;
      const claims = await store.claim(command.names.map(idOf), { holder, mayTakeOver, leaseMs: LEASE_MS });
      claims.sort((one, other) => (one.connection.id < other.connection.id ? -1 : 1));
      run.claims.push(...claims);
      return relative(
        claims.map(({ intentId: _, refreshToken, ...claim }) => ({ ...claim, token: textOf(refreshToken) })),
        bench.under.now(),
        appId,
      );
    }
    case "succeed":
    case "fail":
    case "end": {
      const settlement = settlementOf(run, command);
      if (settlement === undefined) return null;
      run.settlements.push(settlement);
      return store.settle([settlement], "p");
    }
    case "again": {
      const settlement = run.settlements.at(-1 - command.settlement);
      return settlement === undefined ? null : store.settle([settlement], "p");
    }
    case "batch":
      return settleBatch(run, command.count);
    case "renew":
      return onClaim(run, command.claim, async (lease) => (await store.renewLeases([lease], LEASE_MS)).size);
    case "alive":
      return onClaim(run, command.claim, (lease) => store.isLeaseAlive(lease, 1_000));
    case "candidate":
      return onClaim(run, command.claim, async (lease) => {
        const found = await store.nextCandidate(lease, []);
        if (found === null) return null;
        run.candidates.push(found.id);
        return { generation: found.generation, token: textOf(found.refreshToken) };
      });
    case "drop": {
      const id = run.candidates.at(-1 - command.candidate);
      return id === undefined ? null : store.refuseCandidate({ id, strikeGapMs: 0 });
    }
    case "reconnect":
      run.tokens += 1;
      return bench.under.reconnect(idOf(command.name), `${appId} grant ${run.tokens}`);
    case "breaker":
      return bench.under.setBreaker(appId, { state: command.state, probeId: idOf(command.probe) });
    case "open": {
      const { reason, sinceMs } = command;
      const evidenceFrom = bench.under.now() - sinceMs;
      return store.openBreaker({ appId, reason, evidence: {}, evidenceFrom, probeMs: PROBE_MS });
    }
    case "close":
      return store.closeBreaker({ appId, by: command.by });
    case "probe":
      return relative(await store.takeProbe({ appId, probeMs: PROBE_MS }), 0, appId);
    case "answers":
      return relative(await store.readAnswers(appId, WINDOW), bench.under.now(), appId);
    case "endProbe": {
      const chosen = run.claims.at(-1 - command.claim);
      if (chosen === undefined) return null;
      const { connection, claimedAt } = chosen;
      return store.endProbe({ appId, connectionId: connection.id, outcome: command.outcome, claimedAt });
    }
    case "due":
      return relative(await store.readDue({ appId, after: null, limit: command.limit }), bench.under.now(), appId);
    case "pass":
      return bench.under.pass(command.ms);
    case "restart":
      return bench.under.restart();
  }
}

function settlementOf(
  run: Run,
  { kind, claim, dueInMs, failures }: Extract<StoreCommand, { claim: number; dueInMs: number }>,
): Settlement | undefined {
  const { bench } = run;
  const chosen = run.claims.at(-1 - claim);
  if (chosen === undefined) return undefined;
  const dueAt = bench.under.now() + dueInMs;
  run.tokens += 1;
  if (kind === "succeed") return bench.succeed(chosen, `${run.appId} token ${run.tokens}`, { dueAt });
  return kind === "end" ? bench.end(chosen) : bench.fail(chosen, strikesOf(failures, dueAt, bench.under.now()));
}

function strikesOf(failures: number, dueAt: number, now: number) {
  return { dueAt, failures, strikes: failures, firstStrikeAt: failures === 0 ? null : now };
}

/** The newest settlements once more, one of each connection, as a drained escrow does. */
async function settleBatch(run: Run, count: number): Promise<unknown> {
  const newest = new Map(run.settlements.slice(-count).map((item) => [item.connectionId, item]));
  return run.bench.under.store.settle([...newest.values()], "p");
}

async function onClaim<Answer>(
  run: Run,
  index: number,
  act: (lease: { readonly connectionId: string; readonly intentId: string }) => Promise<Answer>,
): Promise<Answer | null> {
  const chosen = run.claims.at(-1 - index);
  return chosen === undefined ? null : act({ connectionId: chosen.connection.id, intentId: chosen.intentId });
}

/** Times as distances from now, names without the app. */
function relative(value: unknown, now: number, appId: string): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => {
      if (typeof inner === "number" && inner > 1e12) return `now ${inner - now}`;
      return typeof inner === "string" ? inner.replaceAll(appId, "app") : inner;
    }),
  );
}
