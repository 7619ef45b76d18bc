import { pick, type World } from "../world/world.ts";
import type { FaultKind, FaultRun, Injected, Lengths, Part } from "./fault.ts";
import { awakeWorkers } from "./worker-at-work.ts";

const stopWorkersAfterMs = 1_500;
/** The tables that a refresh writes to. */
const tables = ["connection", "token_set", "refresh_intent", "refresh_event", "refresh_tally"];

/** PostgreSQL goes away in every manner that it knows, or stays and takes nothing. */
export const postgresFaults: readonly FaultKind[] = [
  postgresFault("PostgreSQL stopped fast and started again", 20, (world) => restart(world, "fast")),
  postgresFault("PostgreSQL stopped at once and started again", 20, (world) => restart(world, "immediate")),
  postgresFault("PostgreSQL away", 8, away, { short: 4_000, long: { ms: 60_000, times: 2 } }),
  postgresFault(
    "PostgreSQL away, and all workers told to stop meanwhile",
    6,
    awayWithStop,
    { short: 4_000, long: { ms: 60_000, times: 1 } },
    ["workers"],
  ),
  postgresFault("PostgreSQL's sessions ended in the middle of transactions", 45, endSessions),
  postgresFault("PostgreSQL read-only", 10, readOnly, { short: 3_000 }),
  postgresFault("PostgreSQL's disk full", 10, diskFull, { short: 3_000 }),
];

function postgresFault(
  kind: string,
  weight: number,
  inject: (world: World, run: FaultRun) => Promise<Injected>,
  lengths?: Lengths,
  disturbs: readonly Part[] = [],
): FaultKind {
  return {
    kind,
    weight,
    // Where PostgreSQL is away, the escrow is where answers are safe.
    needs: ["redis", ...(disturbs.includes("workers") ? (["answers"] as const) : (["workers"] as const))],
    disturbs: ["postgres", ...disturbs],
    ...(lengths && { lengths }),
    inject,
  };
}

async function restart({ postgres }: World, mode: "fast" | "immediate"): Promise<Injected> {
  await postgres.stop(mode);
  await postgres.start();
  return {};
}

async function away({ postgres }: World, { random, lengthMs }: FaultRun): Promise<Injected> {
  await postgres.stop(pick(["fast", "immediate"], random));
  return { lastsMs: lengthMs, heal: () => postgres.start() };
}

/** What they have received and cannot write has to outlive them. */
async function awayWithStop(world: World, { random, lengthMs }: FaultRun): Promise<Injected> {
  const { postgres } = world;
  await postgres.stop(pick(["fast", "immediate"], random));
  await new Promise((resolve) => setTimeout(resolve, stopWorkersAfterMs));
  const workers = awakeWorkers(world);
  const stopped = Promise.all(workers.map((worker) => worker.stop()));
  return {
    lastsMs: lengthMs,
    async heal() {
      await Promise.all([postgres.start(), stopped]);
      await Promise.all(workers.map((worker) => worker.start()));
    },
  };
}

async function endSessions({ postgres, fleet }: World, { random }: FaultRun): Promise<Injected> {
  if (random() < 0.5) for (const { postgres: way } of [...fleet.workers, ...fleet.schedulers]) way.sever();
  else {
    await postgres.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'evergrant-%'",
    );
  }
  return {};
}

/** As a primary does that has become a standby. */
async function readOnly({ postgres }: World, { lengthMs }: FaultRun): Promise<Injected> {
  const set = (setting: string) =>
    postgres.session(async (query) => {
      await query("SET default_transaction_read_only = off");
      await query(`ALTER SYSTEM ${setting}`);
      await query("SELECT pg_reload_conf()");
      await query("RESET default_transaction_read_only");
    });
  await set("SET default_transaction_read_only = on");
  return { lastsMs: lengthMs, heal: () => set("RESET default_transaction_read_only") };
}

/**
 * Every write is refused with what PostgreSQL says of a full disk (SQLSTATE 53100). It is said by a trigger: a
 * disk that is truly full needs a file system of its own, which only root can make, and not in a container.
 */
async function diskFull({ postgres }: World, { lengthMs }: FaultRun): Promise<Injected> {
  await postgres.query(`
    CREATE OR REPLACE FUNCTION crash_disk_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$`);
  await eachTable(
    postgres,
    (table) => `
    CREATE TRIGGER crash_disk_full BEFORE INSERT OR UPDATE ON ${table}
    FOR EACH STATEMENT EXECUTE FUNCTION crash_disk_full()`,
  );
  return {
    lastsMs: lengthMs,
    heal: () => eachTable(postgres, (table) => `DROP TRIGGER IF EXISTS crash_disk_full ON ${table}`),
  };
}

async function eachTable({ query }: World["postgres"], statement: (table: string) => string): Promise<void> {
  for (const table of tables) await query(statement(table));
}
