import type { Invariant, TestName } from "../invariant.ts";

const tickTest = (name: string): TestName => ({ file: "apps/scheduler/test/tick.test.ts", name });

export const redis: Invariant = {
  number: 6,
  promise:
    "While PostgreSQL takes what every worker writes, Redis may be emptied, stopped or partitioned at any instant: " +
    "only lateness suffers",
  why:
    "The row is the truth and a job is a hint. What a queue has lost is found again by the next sweep of the rows, a job too " +
    "many ends quietly at the claim, and whatever else was kept there is said again from time to time. Only while " +
    "PostgreSQL is away, out of a worker's reach or refuses a row does Redis hold more: the escrow, and word of the " +
    "answers that are awaited.",
  guards: [
    {
      does: "A sweep begins again with the earliest due connection",
      file: "apps/scheduler/src/tick.ts",
      test: tickTest("begins again with the earliest when a sweep is due"),
      mutants: [
        {
          name: "no-sweep",
          find: "let cursor = swept ? null : app.cursor;",
          replace: "let cursor = app.cursor;",
          means: "what was offered and lost is never offered again",
        },
      ],
    },
    {
      does: "The cursor stays behind the clock",
      file: "apps/scheduler/src/tick.ts",
      test: tickTest("keeps its cursor behind the clock"),
      mutants: [
        {
          name: "cursor-runs-ahead",
          find: "cursor: behind(cursor, app.now - OVERLAP_MS)",
          replace: "cursor",
          means: "a row that was written a moment later waits for the next sweep",
        },
      ],
    },
    {
      does: "One app's queue in trouble keeps no other from being offered",
      file: "apps/scheduler/src/tick.ts",
      test: tickTest("goes on with the other apps when one fails"),
      mutants: [
        {
          name: "one-queue-stops-all",
          find: "        parts.onError(app.appId, error);\n        return 0;",
          replace: "        parts.onError(app.appId, error);\n        throw error;",
          failsWith: "refused",
          means: "one shard that is away stops the whole fleet",
        },
      ],
    },
    {
      does: "The ticks come back by themselves when their schedule has vanished",
      file: "packages/queue/src/start-tick.ts",
      test: {
        file: "packages/queue/test/start-tick.test.ts",
        name: "comes back by itself when its schedule was removed",
      },
      mutants: [
        {
          name: "schedule-is-made-once",
          find: "    if (!stopped) timer = setTimeout(lookAgain, pauseMs);\n",
          replace: "",
          means: "after a FLUSHALL nothing is offered until somebody restarts a scheduler",
        },
      ],
    },
    {
      does: "A job for a connection that is not due ends quietly",
      file: "packages/store/src/refresh/claim.ts",
      test: {
        file: "packages/store/test/refresh/claim.test.ts",
        name: "passes over a connection that is not due yet",
      },
      mutants: [
        {
          name: "hints-are-orders",
          find: "c.state = 'active' AND c.due_at <= clock_timestamp()",
          replace: "c.state = 'active'",
          means: "a queue that comes back with old jobs has every token refreshed again",
        },
      ],
    },
    {
      does: "A row is made due before anybody is told, and a queue that is away does not undo it",
      file: "apps/admin/src/refresh/send-hints.ts",
      test: {
        file: "apps/admin/test/commands/refresh.test.ts",
        name: "makes connections due although the queue is away",
      },
      mutants: [
        {
          name: "no-queue-no-refresh",
          find: "  } catch {\n    return false;\n",
          replace: "  } catch (error) {\n    throw error;\n",
          means: "an operator's refresh fails with Redis",
        },
      ],
    },
    {
      does: "Commands to a Redis that does not answer end within seconds",
      file: "packages/queue/src/redis-driver.ts",
      test: {
        file: "packages/queue/test/redis-emptied.test.ts",
        name: "a Redis that accepts and never answers makes calls fail within seconds",
      },
      mutants: [
        {
          name: "redis-commands-wait-for-ever",
          find: "    commandTimeout: COMMAND_TIMEOUT_MS,\n",
          replace: "",
          failsWith: "Test timed out",
          means: "a tick hangs instead of failing, and no other one begins",
        },
      ],
    },
    {
      does: "Budgets are said again every minute",
      file: "apps/scheduler/src/budgets.ts",
      test: {
        file: "apps/scheduler/test/budgets.test.ts",
        name: "a budget is said when it is first seen, when it changes, and every minute",
      },
      mutants: [
        {
          name: "budgets-are-said-once",
          find: "if (last?.text === text && now - last.at < REPEAT_MS) continue;",
          replace: "if (last?.text === text) continue;",
          means: "an emptied Redis lets the fleet ask a provider without any limit",
        },
      ],
    },
    {
      does: "What was put into the escrow counts as safe only at the moment when it was put",
      file: "apps/worker/src/escrow/settle-safely.ts",
      test: {
        file: "apps/worker/test/escrow/settle-safely.test.ts",
        name: "on a stop, what was in an escrow that has been emptied since is put there once more",
      },
      mutants: [
        {
          name: "escrow-is-believed-to-last",
          find: "    } finally {\n      putting = undefined;\n    }",
          replace: "    }",
          means: "a worker lets go of tokens that a FLUSHALL has taken out of the escrow",
        },
      ],
    },
  ],
};
