import type { Invariant, TestName } from "../invariant.ts";

const decideTest = (name: string): TestName => ({ file: "packages/core/test/decide.test.ts", name });
const settleTest = (name: string): TestName => ({ file: "packages/store/test/refresh/settle.test.ts", name });
const refreshTest = (name: string): TestName => ({ file: "apps/worker/test/refresh-connection.test.ts", name });
const breakerTest = (name: string): TestName => ({ file: "apps/worker/test/breaker-of-a-worker.test.ts", name });
const dueOnlyWhenActive: TestName = {
  file: "packages/store/test/refresh/claim.test.ts",
  name: "of a connection that needs re-authorization cannot be asked for",
};

export const needsReauth: Invariant = {
  number: 4,
  promise: "`needs_reauth` is reached only by the rule",
  why:
    "Asking a customer to connect again is the most expensive thing that Evergrant can do, so it takes two refusals of the " +
    "current token, a minute apart, with every kept candidate refused as well, the app's breaker closed, and the app's other " +
    "connections refreshed meanwhile. A wave of refusals is taken for our own mistake until somebody says otherwise.",
  guards: [
    {
      does: "One refusal ends nothing",
      file: "packages/core/src/decide.ts",
      test: decideTest("the first invalid_grant is a strike, and the second look comes after the gap"),
      mutants: [
        {
          name: "one-strike-ends",
          find: "export const STRIKES_TO_END = 2;",
          replace: "export const STRIKES_TO_END = 1;",
          means: "a passing fault of the provider ends the grant",
        },
      ],
    },
    {
      does: "The second refusal counts only after the gap",
      file: "packages/core/src/decide.ts",
      test: decideTest("a second invalid_grant before the gap has passed proves nothing"),
      mutants: [
        {
          name: "strikes-ripen-at-once",
          find: "const ripe = !isProbe && now - connection.firstStrikeAt >= descriptor.strikeGapMs;",
          replace: "const ripe = !isProbe;",
          means: "two jobs in one second end the grant",
        },
      ],
    },
    {
      does: "A refusal is believed only when the app's other connections were refreshed since the first one",
      file: "apps/worker/src/refresh-connection.ts",
      test: refreshTest("that would end a grant asks whether the app is vouched for"),
      mutants: [
        {
          name: "nobody-vouches",
          find: "const decision = withNotes(await believe(decided, claim, now, parts), claim, now, fromCandidate);",
          replace: "const decision = withNotes(decided, claim, now, fromCandidate);",
          means: "where the app is asked seldom, wrong credentials end one grant after the other",
        },
      ],
    },
    {
      does: "Nine others have to be refreshed for each one that is refused",
      file: "packages/core/src/breaker.ts",
      test: {
        file: "packages/core/test/breaker.test.ts",
        name: "refusals of an app are believed one short of nine in ten",
      },
      mutants: [
        {
          name: "one-voucher-is-enough",
          find: "return succeeded >= Math.min(others, (rejected * (1 - rejectedShare)) / rejectedShare);",
          replace: "return succeeded >= Math.min(others, 1);",
          means: "a restored backup in which some tokens still work ends the others",
        },
      ],
    },
    {
      does: "Rows that cannot be read vouch for nothing",
      file: "apps/worker/src/vouch.ts",
      test: { file: "apps/worker/test/vouch.test.ts", name: "while the rows cannot be read no grant ends" },
      mutants: [
        {
          name: "unread-rows-vouch",
          find: "      onError(error);\n      return false;",
          replace: "      onError(error);\n      return true;",
          means: "a database in trouble ends grants",
        },
      ],
    },
    {
      does: "A token set received wipes what was held against the one before",
      file: "packages/core/src/decide.ts",
      test: decideTest("a success wipes strikes, failures and doubt"),
      mutants: [
        {
          name: "strikes-outlive-success",
          find: "    strikes: 0,\n    firstStrikeAt: null,\n    failures: 0,",
          replace: "    strikes: connection.strikes,\n    firstStrikeAt: connection.firstStrikeAt,\n    failures: 0,",
          means: "refusals of two different generations add up",
        },
      ],
    },
    {
      does: "Kept candidates are presented before a refusal counts",
      file: "apps/worker/src/refresh-connection.ts",
      test: refreshTest("does not count while a kept candidate lives"),
      mutants: [
        {
          name: "candidates-are-not-tried",
          find: 'if (answer.outcome.kind === "rejected") {',
          replace: 'if (answer.outcome.kind === "throttled") {',
          means: "the customer is asked to connect again while we hold a token that works",
        },
      ],
    },
    {
      does: "A candidate without a clear answer keeps the refusal from counting",
      file: "apps/worker/src/present-candidates.ts",
      test: refreshTest("does not count while it is open whether a candidate lives"),
      mutants: [
        {
          name: "doubt-counts-as-refusal",
          find: 'if (answer.outcome.kind !== "rejected") return { token, answer };',
          replace: 'if (answer.outcome.kind === "rotated") return { token, answer };',
          means: "an outage while the candidate is tried counts as a refusal of it",
        },
      ],
    },
    {
      does: "While the app's breaker is not closed, no grant is ended and no strike counted",
      file: "packages/store/src/refresh/settle.ts",
      test: settleTest("no grant is ended, and the strike does not ripen"),
      mutants: [
        {
          name: "breaker-does-not-hold",
          find: "(l.in_doubt OR l.strikes < s.strikes - 1) AND s.state = 'needs_reauth' AS held",
          replace: "l.strikes < s.strikes - 1 AND s.state = 'needs_reauth' AS held",
          means: "a wave that has been noticed ends its grants all the same",
        },
        {
          name: "voided-strikes-count",
          find: "(l.in_doubt OR l.strikes < s.strikes - 1) AND s.state = 'needs_reauth' AS held",
          replace: "l.in_doubt AND s.state = 'needs_reauth' AS held",
          test: settleTest("a strike that was voided while the second refusal was under way ends nothing either"),
          means: "a breaker that closes in between lets the second refusal of a wave end the grant",
        },
        {
          name: "held-strikes-ripen",
          find: "strikes = CASE WHEN w.held THEN c.strikes ELSE w.strikes END",
          replace: "strikes = w.strikes",
          means: "the strike is counted, and the next one after the breaker closes ends the grant",
        },
      ],
    },
    {
      does: "Before a settle would end a grant, the worker looks whether it is part of a wave",
      file: "apps/worker/src/create-refresh-parts.ts",
      test: breakerTest("are a wave: the very first of them ends no grant"),
      mutants: [
        {
          name: "wave-is-seen-too-late",
          find: "    await breakers.beforeSettle(rows);\n",
          replace: "",
          means: "the first hundred of a wave are ended before it is noticed",
        },
      ],
    },
    {
      does: "Many refusals at once are a wave",
      file: "packages/core/src/breaker.ts",
      test: breakerTest("are a wave: the very first of them ends no grant"),
      mutants: [
        {
          name: "no-wave-is-a-wave",
          find: "return rejected >= policy.leastRejected && rejected >= policy.rejectedShare * (rejected + succeeded);",
          replace: "return false;",
          means: "a restored backup ends every grant of the app",
        },
      ],
    },
    {
      does: "The strikes of a wave are forgotten when its breaker closes",
      file: "packages/store/src/breaker/close-breaker.ts",
      test: {
        file: "packages/store/test/breaker/close-breaker.test.ts",
        name: "the strikes of a wave are forgotten, so that it takes two new ones to end a grant",
      },
      mutants: [
        {
          name: "strikes-outlive-the-wave",
          find: "strikes = CASE WHEN a.breaker_reason = 'rejections' AND NOT ${isAccepted} THEN 0 ELSE c.strikes END",
          replace: "strikes = c.strikes",
          means: "one more refusal ends a grant that our own mistake had struck",
        },
      ],
    },
    {
      does: "A wave is over only when a refused connection is refreshed",
      file: "packages/core/src/breaker.ts",
      test: {
        file: "packages/core/test/breaker.test.ts",
        name: "the answer to a probe disproves what it can",
      },
      mutants: [
        {
          name: "refused-probes-end-waves",
          find: 'case "rejected":\n      return ["misconfigured"];',
          replace: 'case "rejected":\n      return BREAKER_REASONS;',
          means: "the breaker closes by the very refusal that it was opened for",
        },
      ],
    },
    {
      does: "An answer to a question from before the breaker opened does not close it",
      file: "packages/store/src/breaker/close-breaker.ts",
      test: {
        file: "packages/store/test/breaker/close-breaker.test.ts",
        name: "that was claimed before the breaker opened says nothing about afterwards",
      },
      mutants: [
        {
          name: "old-answers-close",
          find: "\n      AND (a.breaker_changed_at IS NULL OR a.breaker_changed_at <= ${new Date(claimedAt)}::timestamptz)`",
          replace: "\n      AND ${new Date(claimedAt)}::timestamptz IS NOT NULL`",
          means: "a straggler opens the gate for the whole wave",
        },
      ],
    },
    {
      does: "The strike of a probe does not ripen",
      file: "packages/core/src/decide.ts",
      test: refreshTest("of a probe does not ripen a strike"),
      mutants: [
        {
          name: "probes-ripen",
          find: "const ripe = !isProbe && now",
          replace: "const ripe = now",
          means: "a breaker that looks again and again ends the grant by which it looks",
        },
      ],
    },
    {
      does: "The worker says which of its tries is a probe",
      file: "apps/worker/src/refresh-connection.ts",
      test: refreshTest("of a probe does not ripen a strike"),
      mutants: [
        {
          name: "probe-is-not-told",
          find: "isProbe: claim.isProbe })",
          replace: "isProbe: false })",
          means: "a probe is judged like any other refresh",
        },
      ],
    },
    {
      does: "QuickBooks' `invalid_grant` for the wrong app or the wrong kind of token is our mistake",
      file: "packages/providers/src/descriptors/quickbooks.ts",
      test: {
        file: "packages/providers/test/simulator.test.ts",
        name: "quickbooks: an access token sent by mistake is ours",
      },
      mutants: [
        {
          name: "intuit-wrong-app-is-a-refusal",
          find: 'descriptionIncludes: "Incorrect Token type or clientID",\n      outcome: "misconfigured",',
          replace: 'descriptionIncludes: "Incorrect Token type or clientID",\n      outcome: "rejected",',
          means: "credentials of the other environment end every grant",
        },
      ],
    },
    {
      does: "An `invalid_grant` that an outage or a throttle dresses itself in is none",
      file: "packages/core/src/judge.ts",
      test: {
        file: "packages/core/test/judge/judge.test.ts",
        name: "says nothing in an outage: the gateway speaks, not the provider",
      },
      mutants: [
        {
          name: "outages-refuse",
          find: "  if (answer.status >= 500 || answer.status === 429) return judgeStatus(answer, said, evidence, descriptor);\n",
          replace: "",
          means: "a provider that is down ends grants",
        },
      ],
    },
    {
      does: "A grant that has ended is never due again",
      file: "prisma/migrations/20261123000000_init/migration.sql",
      test: dueOnlyWhenActive,
      mutants: [
        {
          name: "dead-grants-may-be-due",
          find: '  ADD CONSTRAINT "connection_due_only_when_wanted" CHECK ("due_at" IS NULL OR "state" = \'active\'),\n',
          replace: "",
          means: "its provider is asked for ever",
        },
      ],
    },
  ],
  notNeeded: [
    {
      name: "claim-without-a-look-at-the-state",
      file: "packages/store/src/refresh/claim.ts",
      find: "c.state = 'active' AND c.due_at <=",
      replace: "c.due_at <=",
      because:
        "A claim names the state all the same; but the database refuses a due time on a connection that is not active, " +
        "so what is due is active",
      test: dueOnlyWhenActive,
    },
  ],
};
