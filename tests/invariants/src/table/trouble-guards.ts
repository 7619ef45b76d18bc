import type { Guard, TestName } from "../invariant.ts";

const claimTest = (name: string): TestName => ({ file: "packages/store/test/refresh/claim.test.ts", name });
const workerTest = (name: string): TestName => ({ file: "apps/worker/test/one-in-flight.test.ts", name });

/** Of invariant 1: while the database is in trouble, nobody can renew a lease or settle an answer. */
export const troubleGuards: readonly Guard[] = [
  {
    does: "After a restart of the database, leases from before it count as alive for the time of a lease",
    file: "packages/store/src/refresh/claim.ts",
    test: claimTest("from before a restart of the database is left to its holder"),
    mutants: [
      {
        name: "restarts-are-not-noticed",
        find:
          "\n          AND (i.claimed_at > pg_postmaster_start_time()" +
          "\n               OR pg_postmaster_start_time() < clock_timestamp() - ${leaseMs}::int * interval '1 millisecond')",
        replace: "",
        means: "nobody could renew while it was away, so every request in flight is repeated when it is back",
      },
    ],
  },
  {
    does: "A worker that has just seen the database in trouble takes nothing over",
    file: "packages/store/src/refresh/claim.ts",
    test: claimTest("takes nothing over while its own process has just seen the database in trouble"),
    mutants: [
      {
        name: "takes-over-in-trouble",
        find: "clock_timestamp() AND ${mayTakeOver}::boolean",
        replace: "clock_timestamp() AND (true OR ${mayTakeOver}::boolean)",
        means: "others were cut off as well, and have answers in hand that they could not settle",
      },
    ],
  },
  {
    does: "Trouble with the database is noticed wherever it shows: claims, settles, renewals",
    file: "apps/worker/src/create-refresh-parts.ts",
    test: workerTest("for the time of a lease after the database was in trouble"),
    mutants: [
      {
        name: "trouble-does-not-last",
        find: "mayTakeOver: trouble.sinceMs > leaseMs",
        replace: "mayTakeOver: true",
        means: "it is forgotten at once",
      },
      {
        name: "failed-claims-are-no-trouble",
        find: "        onTrouble: trouble.note,\n",
        replace: "        onTrouble: () => {},\n",
        test: workerTest("a claim that failed"),
        means: "a claim that failed is not remembered",
      },
      {
        name: "waiting-settles-are-no-trouble",
        find: "    if (!isRowHeld(error) && !isRefusal(error)) trouble.note();\n",
        replace: "",
        test: workerTest("a settle that was not taken"),
        means: "a settle that was not taken is not remembered",
      },
      {
        name: "failed-renewals-are-no-trouble",
        find: "onError: (error) => {\n      trouble.note();\n",
        replace: "onError: (error) => {\n",
        test: workerTest("a lease that could not be renewed"),
        means: "a lease that could not be renewed is not remembered",
      },
    ],
  },
  {
    does: "A session that the database ends between two queries ends no worker",
    file: "packages/queue/src/postgres-connection.ts",
    test: {
      file: "packages/queue/test/ended-sessions.test.ts",
      name: "a session that PostgreSQL ends right after any of its answers ends no process",
    },
    mutants: [
      {
        name: "unheard-errors-end-the-process",
        find: 'if (event === "error" && this.listenerCount("error") === 0) return false;',
        replace: "",
        means: "a restart of the database stops workers, each with refreshes in hand",
      },
    ],
  },
];
