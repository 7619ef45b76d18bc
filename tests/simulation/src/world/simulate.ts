import { startingRules } from "@evergrant/testkit/rules";
import { Disturbances } from "../checks/disturbances.ts";
import type { Ending } from "../checks/ending.ts";
import { auditAtEnd } from "../checks/final-audit.ts";
import type { Violation } from "../checks/violation.ts";
import { Watch } from "../checks/watch.ts";
import { createWatchedStore, type Settle } from "../checks/watched-store.ts";
import { VirtualClock } from "../clock/virtual-clock.ts";
import { Database } from "../fleet/database.ts";
import { Fleet } from "../fleet/fleet.ts";
import { HintQueues } from "../fleet/hint-queues.ts";
import { Scheduler } from "../fleet/scheduler.ts";
import { Traps } from "../fleet/traps.ts";
import { VirtualEscrow } from "../fleet/virtual-escrow.ts";
import { VirtualProcess } from "../fleet/virtual-process.ts";
import type { Plan } from "../plan/plan.ts";
import { APP_IDS } from "../provider/apps.ts";
import { Conditions } from "../provider/conditions.ts";
import { chooseCustomer } from "../provider/customer.ts";
import { addApp, createTables, type JournalRow, type OutboxRow } from "../store/tables.ts";
import { Customers } from "./customers.ts";
import { scheduleFaults } from "./faults.ts";
import { callOperator } from "./operator.ts";
import { DAY_MS, STARTS_AT } from "./settings.ts";

export interface SimulationResult {
  /** In the order in which they happened; a run ends with the day of the first. */
  readonly violations: readonly Violation[];
  /** Settled refreshes by outcome. */
  readonly refreshes: Readonly<Record<string, number>>;
  /** Connections that came to need their customer, by why. */
  readonly endings: Readonly<Partial<Record<Ending["kind"], number>>>;
  readonly counts: Watch["counts"];
  readonly journal: Readonly<Record<string, number>>;
  /** What happened to the customer whose story was asked for. */
  readonly story: readonly string[];
}

export interface SimulateOptions {
  readonly onDay?: (day: number) => void;
  /** The customer whose story is kept. */
  readonly told?: number;
  /** Takes the place of the store's own settle. */
  readonly settle?: Settle;
}

/** Runs a plan from its first day to its last, or to the day of the first violation. */
export async function simulate(plan: Plan, options: SimulateOptions = {}): Promise<SimulationResult> {
  const clock = new VirtualClock(STARTS_AT);
  const world = createWorld(plan, clock, options);
  for (let day = 1; day <= plan.days; day++) {
    await clock.runUntil(STARTS_AT + day * DAY_MS);
    if (world.watch.violations.length > 0) break;
    options.onDay?.(day);
  }
  if (world.watch.violations.length === 0) world.audit();
  return world.result();
}

function createWorld(plan: Plan, clock: VirtualClock, { told, settle }: SimulateOptions) {
  const rules = startingRules(1, {});
  const disturbances = new Disturbances(plan.faults, STARTS_AT);
  const journal = new Map<string, number>();
  const onJournal = (entry: JournalRow) => {
    journal.set(entry.kind, (journal.get(entry.kind) ?? 0) + 1);
    watch.journalled(entry);
  };
  const onOutbox = ({ kind, appId, connectionId }: OutboxRow) => {
    const app = APP_IDS.find((id) => id === appId) ?? null;
    if (kind === "connection.needs_reauth" && connectionId !== null) customers.told(connectionId);
    if (kind === "app.breaker_opened") {
      disturbances.begin(`breaker of ${appId}`, app, clock.now);
      callOperator(appId, { clock, tables, customers, rules });
      scheduler.wake(clock.now);
    }
    if (kind === "app.breaker_closed") {
      disturbances.end(`breaker of ${appId}`, clock.now);
      scheduler.wake(clock.now);
    }
  };
  const tables = createTables({ now: () => clock.now, onJournal, onOutbox });
  const customers = new Customers(clock, tables, rules);
  const traps = new Traps({
    kill: (process, downMs) => fleet.kill(process, downMs),
    stop: (process, until) => fleet.stop(process, until),
    stall: (process, until) => fleet.stall(process, until),
  });
  const escrow = new VirtualEscrow(clock, () => fleet.watchEscrow());
  const watch = new Watch({
    told: told ?? null,
    clock,
    rules,
    disturbances,
    customersById: customers.byId,
    database: () => database,
    escrow,
  });
  const database = new Database(createWatchedStore(tables, watch, settle), tables, traps);
  const conditions = new Conditions();
  const queues = new HintQueues(clock, (appId, id) => fleet.take(appId, id));
  const scheduler = new Scheduler(clock, tables, queues, database.as(new VirtualProcess("scheduler", clock)));
  for (const appId of APP_IDS) addApp(tables, appId, (dueAt) => scheduler.wake(dueAt));
  const endpoint = { customers: customers.byNo, rules, conditions, traps, watch };
  const parts = { database, escrow, conditions, endpoint, queues: () => queues, customersById: customers.byId, watch };
  const fleet = new Fleet(clock, parts, disturbances);

  const span = { startAt: STARTS_AT, endAt: STARTS_AT + plan.days * DAY_MS };
  const { from, count, of } = plan.customers;
  for (let step = 0; step < count; step++) customers.add(chooseCustomer(plan.seed, (from + step) % of, span, rules));
  scheduleFaults(plan.faults, { clock, conditions, traps, fleet, database, queues, escrow, scheduler, customers });

  return {
    watch,
    audit: () => auditAtEnd(customers, { now: clock.now, rules, disturbances }, watch),
    result: (): SimulationResult => ({
      violations: watch.violations,
      refreshes: sum([...tables.apps.values()].map(({ totals }) => totals)),
      endings: Object.fromEntries(watch.endings),
      counts: watch.counts,
      journal: Object.fromEntries(journal),
      story: watch.story,
    }),
  };
}

function sum(all: readonly ReadonlyMap<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all) for (const [key, count] of counts) sums[key] = (sums[key] ?? 0) + count;
  return sums;
}
