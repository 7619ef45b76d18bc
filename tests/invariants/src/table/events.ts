import type { Invariant, TestName } from "../invariant.ts";

const settleTest = (name: string): TestName => ({ file: "packages/store/test/refresh/settle.test.ts", name });
const emitTest = (name: string): TestName => ({ file: "apps/worker/test/emit.test.ts", name });
const openTest: TestName = {
  file: "packages/store/test/breaker/open-breaker.test.ts",
  name: "opens once, however many workers see the reason at once, and tells of it once",
};
const closeTest: TestName = {
  file: "packages/store/test/breaker/close-breaker.test.ts",
  name: "a breaker is closed, and journal and outbox say by whom and for how long it was open",
};

export const events: Invariant = {
  number: 9,
  promise: "Every change of state leaves an event with its reason",
  why:
    "When a customer calls, somebody has to be able to say what happened and why. The journal, the row's own reason and the " +
    "outbox are written by the statement that makes the change, so that there is none without them.",
  guards: [
    {
      does: "A grant that ends leaves an event with its cause",
      file: "packages/core/src/decide.ts",
      test: {
        file: "packages/core/test/decide.test.ts",
        name: "a second invalid_grant after the gap ends it, with the cause, and nothing is due any more",
      },
      mutants: [
        {
          name: "endings-are-silent",
          find: '  if (ended) events.push({ kind: "needs_reauth", cause: cause ?? "unexplained", strikes: strikes.strikes });\n',
          replace: "",
          means: "the journal shows a failure and no end",
        },
      ],
    },
    {
      does: "The settle writes the journal in its own statement",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("keeps the token set and writes schedule, strike and journal"),
      mutants: [
        {
          name: "settle-writes-no-journal",
          find: "WHERE NOT w.held OR e->>'kind' <> 'needs_reauth'",
          replace: "WHERE false",
          means: "what happened to a connection can only be guessed",
        },
      ],
    },
    {
      does: "The row itself says why it ended",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("that ends a grant says why, when, and tells the outbox, once"),
      mutants: [
        {
          name: "rows-keep-no-reason",
          find: "state_reason = CASE WHEN w.state <> c.state AND NOT w.held THEN w.cause ELSE c.state_reason END,",
          replace: "state_reason = c.state_reason,",
          means: "a list of dead connections has no causes",
        },
        {
          name: "outbox-is-not-told",
          find: "FROM won WHERE state <> state_before AND NOT held",
          replace: "FROM won WHERE false",
          means: "nobody outside hears that a customer has to connect again",
        },
      ],
    },
    {
      does: "A connection that a late answer brings back says so",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("brings a connection back that another's refusals ended"),
      mutants: [
        {
          name: "revivals-are-silent",
          find: "FROM won WHERE held OR state = 'active' AND state_before = 'needs_reauth'",
          replace: "FROM won WHERE held",
          means: "a dead connection is alive, and nobody knows why",
        },
      ],
    },
    {
      does: "An end that the breaker has held back says so",
      file: "packages/store/src/refresh/settle.ts",
      test: {
        file: "packages/store/test/refresh/settle-in-doubt.test.ts",
        name: "no grant is ended, and the strike does not ripen",
      },
      mutants: [
        {
          name: "held-endings-are-silent",
          find: "FROM won WHERE held OR state = 'active' AND state_before = 'needs_reauth'",
          replace: "FROM won WHERE state = 'active' AND state_before = 'needs_reauth'",
          means: "nobody sees whom the breaker has saved",
        },
      ],
    },
    {
      does: "A late token that is kept says so",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("cannot overwrite a newer token: its own is kept as a candidate"),
      mutants: [
        {
          name: "candidates-are-silent",
          find: "FROM judged j JOIN candidate k ON k.connection_id = j.connection_id AND k.generation = j.generation",
          replace:
            "FROM judged j JOIN candidate k ON k.connection_id = j.connection_id AND k.generation = j.generation AND false",
          means: "a worker that slept leaves no trace",
        },
      ],
    },
    {
      does: "A reconnect leaves an event and a reason",
      file: "packages/store/src/connections/write-import.ts",
      test: {
        file: "packages/store/test/connections/import-connections.test.ts",
        name: "lives again with a new token, without the old grant's past",
      },
      mutants: [
        {
          name: "reconnects-are-silent",
          find: "FROM input i JOIN stored USING (id) ORDER BY i.id\n    )\n    SELECT (SELECT count(*)",
          replace: "FROM input i JOIN stored USING (id) WHERE false ORDER BY i.id\n    )\n    SELECT (SELECT count(*)",
          means: "the journal goes on after an end as if there had been none",
        },
        {
          name: "reconnects-keep-the-old-reason",
          find: "state_reason = CASE WHEN c.state <> 'active' THEN 'reconnected' ELSE c.state_reason END,",
          replace: "state_reason = c.state_reason,",
          means: "a living connection shows why it died",
        },
      ],
    },
    {
      does: "A breaker that opens says why",
      file: "packages/store/src/breaker/open-breaker.ts",
      test: openTest,
      mutants: [
        {
          name: "openings-leave-no-journal",
          find: "SELECT id, 'breaker_opened', ${detail}::jsonb FROM opened",
          replace: "SELECT id, 'breaker_opened', ${detail}::jsonb FROM opened WHERE false",
          means: "an app stops being refreshed, and the journal does not say why",
        },
        {
          name: "openings-are-not-told",
          find: "jsonb_build_object('app', id) || ${detail}::jsonb FROM opened",
          replace: "jsonb_build_object('app', id) || ${detail}::jsonb FROM opened WHERE false",
          means: "no alert fires",
        },
      ],
    },
    {
      does: "A breaker that closes says by whom",
      file: "packages/store/src/breaker/close-breaker.ts",
      test: closeTest,
      mutants: [
        {
          name: "closings-leave-no-journal",
          find: "round(extract(epoch FROM clock_timestamp() - a.breaker_changed_at) * 1000))\n      FROM app a\n",
          replace:
            "round(extract(epoch FROM clock_timestamp() - a.breaker_changed_at) * 1000))\n      FROM app a WHERE false\n",
          means: "nobody knows who let the app go on",
        },
      ],
    },
    {
      does: "What was settled becomes a line of the log, and what was not does not",
      file: "apps/worker/src/emit.ts",
      test: emitTest("a change of state is a line that says whose it is and why"),
      mutants: [
        {
          name: "events-are-not-logged",
          find: '  if (result === "settled") for (const event of decision.events) reportEvent(logger, subject, event);\n',
          replace: "",
          means: "the log of a worker that ends grants is silent",
        },
        {
          name: "held-endings-are-logged-as-ends",
          find: 'for (const event of decision.events) if (event.kind !== "needs_reauth") reportEvent(logger, subject, event);',
          replace: "for (const event of decision.events) reportEvent(logger, subject, event);",
          test: emitTest("a grant that was not ended is not told as ended"),
          means: "an operator counts dead grants that live",
        },
        {
          name: "late-failures-are-logged-as-events",
          find: 'if (result === "settled") for (const event of decision.events)',
          replace: 'if (result !== "held") for (const event of decision.events)',
          test: emitTest("what changed nothing (stale) is not told as a change"),
          means: "a stale answer is told as a change that never was",
        },
      ],
    },
  ],
};
