import type { Invariant, TestName } from "../invariant.ts";

const judgeTest = (name: string): TestName => ({ file: "packages/core/test/judge/judge.test.ts", name });
const ourFault = (name: string): TestName => ({ file: "apps/worker/test/our-fault.test.ts", name });
const breakerTest = (name: string): TestName => ({ file: "apps/worker/test/breaker-of-a-worker.test.ts", name });

export const ourFaults: Invariant = {
  number: 5,
  promise: "A fault of the app or of the transport never changes a connection's state",
  why:
    "A wrong secret, an outage, a throttle, a key ring that does not fit: none of them says anything about a customer's grant. " +
    "Only an answer about the grant itself may count against it, and an app that is refused as such is asked no further.",
  guards: [
    {
      does: "Only a refusal of the grant is a strike",
      file: "packages/core/src/decide.ts",
      test: {
        file: "packages/core/test/decide.test.ts",
        name: "never changes the state and counts no strike, however often it comes",
      },
      mutants: [
        {
          name: "every-failure-is-a-strike",
          find: "const strikes = rejected ? countStrike(connection, descriptor, now, isProbe) : connection;",
          replace: "const strikes = countStrike(connection, descriptor, now, isProbe);",
          means: "an outage of two minutes ends whoever was refused before it",
        },
        {
          name: "every-failure-ends",
          find: "const ended = rejected && !isProbe && strikes.strikes >= STRIKES_TO_END;",
          replace: "const ended = (rejected || failures > 100) && strikes.strikes >= 1;",
          means: "a long outage ends grants",
        },
      ],
    },
    {
      does: "Errors about the client, its rights or its request are the app's fault",
      file: "packages/core/src/judge.ts",
      test: judgeTest("invalid_client is misconfigured"),
      mutants: [
        {
          name: "client-errors-are-refusals",
          find: '      return failure("misconfigured", reason, evidence, answer);\n  }\n}',
          replace: '      return failure("rejected", reason, evidence, answer);\n  }\n}',
          means: "a wrong client secret ends every grant of the app",
        },
      ],
    },
    {
      does: "A status without a readable error says nothing about the grant",
      file: "packages/core/src/judge.ts",
      test: judgeTest("a status without a readable error"),
      mutants: [
        {
          name: "bare-400-is-a-refusal",
          find: 'if (status >= 400) return failure("misconfigured", `http_${status}`, evidence, answer);',
          replace: 'if (status >= 400) return failure("rejected", `http_${status}`, evidence, answer);',
          means: "a proxy's error page ends grants",
        },
      ],
    },
    {
      does: "A stored token that does not open is our fault",
      file: "apps/worker/src/present-token.ts",
      test: ourFault("a stored token that does not open"),
      mutants: [
        {
          name: "unreadable-tokens-are-refusals",
          find: 'return { kind: "misconfigured", reason,',
          replace: 'return { kind: "rejected", reason,',
          means: "a worker with the wrong key ring ends every grant",
        },
      ],
    },
    {
      does: "An app whose secrets or descriptor cannot be used is not asked for at all",
      file: "apps/worker/src/present-token.ts",
      test: ourFault("a client secret that does not open"),
      mutants: [
        {
          name: "faulty-apps-are-asked-for",
          find: "    if (app.fault !== null) return { outcome: notAsked(app.fault), secretId: null };\n",
          replace: "",
          means: "its tokens are sent without a client secret",
        },
      ],
    },
    {
      does: "Nothing is claimed of an app whose breaker is open, but its probe",
      file: "packages/store/src/refresh/claim.ts",
      test: {
        file: "packages/store/test/refresh/claim.test.ts",
        name: "passes over an app whose breaker is not closed",
      },
      mutants: [
        {
          name: "open-breakers-stop-nothing",
          find: "        AND (a.breaker_state = 'closed' OR a.breaker_state = 'half_open' AND a.breaker_probe_id = c.id)\n",
          replace: "",
          means: "the provider sees a storm of requests that it has to refuse",
        },
        {
          name: "half-open-lets-everybody-through",
          find: "a.breaker_state = 'half_open' AND a.breaker_probe_id = c.id)",
          replace: "a.breaker_state = 'half_open')",
          test: {
            file: "packages/store/test/breaker/take-probe.test.ts",
            name: "is one connection, made due, that alone may be claimed",
          },
          means: "the probe takes the whole app along",
        },
      ],
    },
    {
      does: "An app that is refused as such for several connections in a row is asked no further",
      file: "apps/worker/src/breaker-watch.ts",
      test: breakerTest("opens the breaker, and nothing more is asked of the provider"),
      mutants: [
        {
          name: "misconfigured-apps-go-on",
          find: "      inBackground(openIfMisconfigured(appId));\n",
          replace: "",
          means: "a wrong secret is presented for every connection, over and over",
        },
      ],
    },
  ],
};
