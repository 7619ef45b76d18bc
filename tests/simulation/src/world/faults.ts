import type { VirtualClock } from "../clock/virtual-clock.ts";
import type { Database } from "../fleet/database.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { HintQueues } from "../fleet/hint-queues.ts";
import type { Scheduler } from "../fleet/scheduler.ts";
import type { Traps } from "../fleet/traps.ts";
import type { VirtualEscrow } from "../fleet/virtual-escrow.ts";
import type { VirtualProcess } from "../fleet/virtual-process.ts";
import type { CustomerFault, Fault, FleetFault, WorkerFault } from "../plan/fault.ts";
import { type Conditions, isMistake, isTrouble } from "../provider/conditions.ts";
import type { Customers } from "./customers.ts";
import { MINUTE_MS, STARTS_AT } from "./settings.ts";

export interface FaultParts {
  readonly clock: VirtualClock;
  readonly conditions: Conditions;
  readonly traps: Traps;
  readonly fleet: Fleet;
  readonly database: Database;
  readonly queues: HintQueues;
  readonly escrow: VirtualEscrow;
  readonly scheduler: Scheduler;
  readonly customers: Customers;
}

/** What a fault does when it begins, and what ends it. */
interface Switch {
  readonly begin: () => void;
  readonly end?: () => void;
}

/** Puts a plan's faults on the clock: when each begins, and when it ends. */
export function scheduleFaults(faults: readonly Fault[], parts: FaultParts): void {
  for (const fault of faults) {
    const { begin, end } = switchOf(fault, parts);
    const from = STARTS_AT + fault.atMin * MINUTE_MS;
    parts.clock.at(from, begin);
    if (end !== undefined && "forMin" in fault) parts.clock.at(from + fault.forMin * MINUTE_MS, end);
  }
}

function switchOf(fault: Fault, parts: FaultParts): Switch {
  const { conditions, customers, traps } = parts;
  if (isMistake(fault) || isTrouble(fault)) {
    return { begin: () => conditions.begin(fault), end: () => conditions.end(fault) };
  }
  if (isCustomers(fault)) return { begin: () => customers.act(fault) };
  if (isWorkers(fault)) return { begin: () => traps.arm(fault) };
  return fleetSwitch(fault, parts);
}

function fleetSwitch(fault: Extract<Fault, FleetFault>, parts: FaultParts): Switch {
  const { clock, fleet, queues, escrow, scheduler } = parts;
  switch (fault.kind) {
    case "allWorkersKilled":
      return { begin: () => fleet.killAll(fault.forMin * MINUTE_MS) };
    case "rollingRestart":
      return { begin: () => fleet.restartAll() };
    case "workerCutOff":
      return cutOff(parts);
    case "databaseAway":
    case "databaseRestarted":
      return databaseAway(parts, fault.kind === "databaseRestarted");
    case "commitsUnheard":
      return counted(parts.database, "unheardCount");
    case "redisAway": {
      const setAway = (isAway: boolean) => {
        queues.isAway = isAway;
        escrow.isAway = isAway;
      };
      const end = () => {
        setAway(false);
        queues.dispatchAll();
        scheduler.wake(clock.now);
      };
      return { begin: () => setAway(true), end };
    }
    case "redisEmptied": {
      const begin = () => {
        queues.empty();
        escrow.empty();
      };
      return { begin };
    }
    case "schedulersAway":
      return counted(scheduler, "awayCount", () => scheduler.wake(clock.now));
  }
}

/** Two faults of a kind may overlap: it is over when both are. */
function counted<Name extends string>(what: Record<Name, number>, name: Name, afterwards = () => {}): Switch {
  return {
    begin: () => {
      what[name] += 1;
    },
    end: () => {
      what[name] -= 1;
      afterwards();
    },
  };
}

function databaseAway({ database, scheduler, clock }: FaultParts, isRestarted: boolean): Switch {
  return counted(database, "awayCount", () => {
    if (isRestarted) database.restart();
    scheduler.wake(clock.now);
  });
}

/** One worker alone no longer reaches the database; the others do, and do not know. */
function cutOff({ fleet, database }: FaultParts): Switch {
  let chosen: VirtualProcess | undefined;
  const change = (by: number) => {
    if (chosen !== undefined) database.cutOff.set(chosen, (database.cutOff.get(chosen) ?? 0) + by);
  };
  return {
    begin: () => {
      chosen = fleet.workers[0]?.process;
      change(1);
    },
    end: () => change(-1),
  };
}

function isCustomers(fault: Fault): fault is Extract<Fault, CustomerFault> {
  return "share" in fault && !("forMin" in fault);
}

function isWorkers(fault: Fault): fault is Extract<Fault, WorkerFault> {
  return "point" in fault;
}
