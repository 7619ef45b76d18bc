import type { Invariant, TestName } from "../invariant.ts";
import { breakerGuards } from "./breaker-guards.ts";

const decideTest = (name: string): TestName => ({ file: "packages/core/test/decide.test.ts", name });
const refreshTest = (name: string): TestName => ({ file: "apps/worker/test/refresh-connection.test.ts", name });
const candidateTest = (name: string): TestName => ({
  file: "packages/store/test/conformance/postgres.test.ts",
  name,
  writtenIn: "packages/store/test/conformance/candidate-scenarios.ts",
});
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
      does:
        "A refusal is believed only when the app's other connections were refreshed since the first one, " +
        "or after a day and eight refusals",
      file: "apps/worker/src/refresh-connection.ts",
      test: refreshTest("that would end a grant asks whether the app is vouched for"),
      mutants: [
        {
          name: "nobody-vouches",
          find: "const decision = withNotes(await believe(decided, claim, answer, now, parts), claim, now, fromCandidate);",
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
          find: "&& succeeded >= Math.min(others, vouchersNeeded(refused, policy));",
          replace: "&& succeeded >= Math.min(others, 1);",
          means: "a restored backup in which some tokens still work ends the others",
        },
      ],
    },
    {
      does: "A day in which the grant was hardly ever refused proves nothing",
      file: "packages/core/src/breaker.ts",
      test: {
        file: "apps/worker/test/vouch.test.ts",
        name: "a day in which the grant was hardly ever refused does not count",
      },
      mutants: [
        {
          name: "weekends-vouch",
          find: " && strikes >= vouchWithinRefusals",
          replace: "",
          means:
            "a fleet that is started again after a weekend, with the credentials that broke it, ends what it had struck",
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
          find: 'return asked.answer.outcome.kind === "rejected" ?',
          replace: 'return asked.answer.outcome.kind === "throttled" ?',
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
      does: "A candidate is given up at its second refusal only",
      file: "packages/store/src/refresh/candidates.ts",
      test: candidateTest("is forgotten at a second refusal, a while after the first"),
      mutants: [
        {
          name: "one-refusal-forgets-a-candidate",
          find: "        AND refused_at <= clock_timestamp() - ${strikeGapMs}::float8 * interval '1 millisecond'\n",
          replace: "",
          means: "a passing fault of the provider costs the living token",
        },
      ],
    },
    {
      does: "What a probe is told of a candidate counts for nothing",
      file: "apps/worker/src/refresh-connection.ts",
      test: refreshTest("of a candidate by a probe counts for nothing"),
      mutants: [
        {
          name: "probes-refuse-candidates",
          find: "(claim.isProbe ? undefined : candidates.refuse({ id, strikeGapMs }))",
          replace: "candidates.refuse({ id, strikeGapMs })",
          means: "a mistake of ours costs the living token",
        },
      ],
    },
    {
      does: "No grant ends, or stays ended, while a candidate was not tried",
      file: "packages/store/src/refresh/settle.ts",
      test: candidateTest("that was not tried holds the end of its grant"),
      mutants: [
        {
          name: "untried-candidates-hold-nothing",
          find: "WHERE k.connection_id = judged.connection_id AND k.refused_at IS NULL",
          replace: "WHERE false",
          means: "the customer is asked to connect again while the living token has just come home",
        },
        {
          name: "late-candidates-revive-nothing",
          find: "WHERE c.id = l.id AND l.state = 'needs_reauth'",
          replace: "WHERE false",
          test: candidateTest("that comes after the end of its grant revives it"),
          means: "the customer is asked to connect again while the living token waits unused",
        },
      ],
    },
    {
      does: "What another client secret obtains vouches for nobody",
      file: "packages/store/src/breaker/read-vouching.ts",
      test: {
        file: "packages/store/test/conformance/postgres.test.ts",
        name: "are not those refreshed with another client secret",
        writtenIn: "packages/store/test/conformance/breaker-reads-scenarios.ts",
      },
      mutants: [
        {
          name: "any-secret-vouches",
          find: "          AND t.secret_id IS NOT DISTINCT FROM ${secretId === null ? null : secretId.toString()}::text::bigint\n",
          replace: "",
          means: "while wrong credentials are rolled out, the workers that still have the right ones vouch for them",
        },
      ],
    },
    ...breakerGuards,
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
    {
      name: "no-look-before-a-settle",
      file: "apps/worker/src/create-refresh-parts.ts",
      find: "    await breakers.beforeSettle(rows);\n",
      replace: "",
      because:
        "The look opens the breaker of a wave at its first ending rather than a moment later; the endings themselves " +
        "are held because nobody vouches for an app in a wave, for a day at least",
      test: {
        file: "apps/worker/test/breaker-of-a-worker.test.ts",
        name: "are a wave: the very first of them ends no grant",
      },
    },
  ],
};
