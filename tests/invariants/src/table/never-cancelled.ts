import type { Invariant, TestName } from "../invariant.ts";

const providerTest = (name: string): TestName => ({ file: "packages/providers/test/never-cancelled.test.ts", name });
const closeTest = (name: string): TestName => ({ file: "packages/providers/test/token-client.test.ts", name });
const stopTest = (name: string): TestName => ({ file: "tests/e2e/stop.test.ts", name });
const bringsHome = stopTest("a worker that is told to stop, and told again, brings home the answer");
const bugInACorner = stopTest("a bug in one corner of a worker does not cut off the answers that are under way");

export const neverCancelled: Invariant = {
  number: 8,
  promise: "A token request that was sent is never cancelled, at shutdown either",
  why:
    "From the first byte on, the answer may be the only copy of the next token. So a deadline moves the schedule and never the " +
    "socket; a worker that is told to stop takes no new work and waits for what it has sent, and neither a second signal nor " +
    "an unexpected error shortens that.",
  guards: [
    {
      does: "The time within which a request must be sent ends when it is sent",
      file: "packages/providers/src/exchange.ts",
      test: providerTest("a request that was sent in time is not given up by the time that it had to be sent"),
      mutants: [
        {
          name: "send-bound-goes-on",
          find: "    this.#sent = true;\n    this.#endWait();\n",
          replace: "    this.#sent = true;\n",
          means: "an answer after 15 s is thrown away, and the request counts as never sent",
        },
      ],
    },
    {
      does: "The HTTP client's own clocks are off",
      file: "packages/providers/src/exchange.ts",
      test: providerTest("nothing but the answer's own time ends a request"),
      mutants: [
        {
          name: "http-client-gives-up",
          find: "body, headersTimeout: 0, bodyTimeout: 0 }",
          replace: "body }",
          means: "its defaults cut off whatever a user's own descriptor waits longer for",
        },
      ],
    },
    {
      does: "Closing the client waits for every answer that is under way",
      file: "packages/providers/src/token-client.ts",
      test: closeTest("waits for the answers that are under way"),
      mutants: [
        {
          name: "close-cuts-off",
          find: "closed ??= Promise.all(underWay).then(closeAgents);",
          replace: "closed ??= Promise.all([...agents.values()].map((agent) => agent.destroy())).then(() => {});",
          means: "a stop cuts every connection",
        },
        {
          name: "close-leaves-waiting-to-the-http-client",
          find: "closed ??= Promise.all(underWay).then(closeAgents);",
          replace: "closed ??= closeAgents();",
          test: closeTest("waits for a request too that runs where another found no connection"),
          means: "the client forgets a connection that failed once, and what runs on it later",
        },
      ],
    },
    {
      does: "A second signal changes nothing",
      file: "packages/runtime/src/create-lifecycle.ts",
      test: { file: "packages/runtime/test/create-lifecycle.test.ts", name: "is never cut short after a signal" },
      mutants: [
        {
          name: "second-signal-ends",
          find: 'SIGTERM: () => void stop("SIGTERM").then(end),',
          replace:
            'SIGTERM: () => (stopping === undefined ? void stop("SIGTERM").then(end) : end(exitCodes.unexpected)),',
          means: "an impatient supervisor costs the tokens in flight",
        },
      ],
    },
    {
      does: "A queue's worker that closes waits for its jobs",
      file: "packages/queue/src/stop-worker.ts",
      test: {
        file: "packages/queue/test/consume-refreshes.test.ts",
        name: "close waits for the refreshes in hand, takes no other, and may be called twice",
      },
      mutants: [
        {
          name: "jobs-are-dropped-at-close",
          find: "const closed = worker.close();",
          replace: "const closed = worker.close(true);",
          means: "the process goes on to close the database under them",
        },
      ],
    },
    {
      does: "A worker that stops waits for the refreshes of every app",
      file: "apps/worker/src/app-consumers.ts",
      test: {
        file: "apps/worker/test/app-consumers.test.ts",
        name: "close waits for the refreshes of every app, however long each takes",
      },
      mutants: [
        {
          name: "apps-are-not-waited-for",
          find: "await Promise.all([...running.values()].map((consumer) => consumer.close()));",
          replace: "for (const consumer of running.values()) void consumer.close();",
          means: "the process goes on to close the database under them",
        },
      ],
    },
    {
      does: "The worker's process waits for its refreshes before it closes anything else",
      file: "apps/worker/src/main.ts",
      test: bringsHome,
      mutants: [
        {
          name: "refreshes-are-no-part-of-the-stop",
          find: '  lifecycle.add("refreshes under way", () => consumers.close());\n',
          replace: "",
          build: ["apps/worker"],
          means: "new work is taken while the process stops, and the database closes under what is in flight",
        },
      ],
    },
    {
      does: "After an unexpected error too, the answers under way have the time that the slowest may take",
      file: "apps/worker/src/main.ts",
      test: bugInACorner,
      mutants: [
        {
          name: "bugs-cut-off",
          find: "  faultGraceMs: FAULT_GRACE_MS,\n",
          replace: "",
          build: ["apps/worker"],
          means: "a bug anywhere in the process costs the tokens in flight",
        },
      ],
    },
    {
      does: "A container's supervisor waits as long as the slowest request and its settle may take",
      file: "docker-compose.yml",
      test: {
        file: "tests/deploy/compose.test.ts",
        name: "a worker that is told to stop has the time that the slowest token request and its settle may take",
      },
      mutants: [
        {
          name: "container-is-killed-early",
          find: "    stop_grace_period: 3m\n",
          replace: "    stop_grace_period: 1m\n",
          means: "a deployment kills workers that wait for an answer",
        },
      ],
    },
    {
      does: "A worker that is told to stop has no end before the only copy of a token is safe",
      file: "apps/worker/src/escrow/settle-safely.ts",
      test: stopTest("does not end before the only copy of a token is safe somewhere"),
      mutants: [
        {
          name: "a-stop-forgets-the-only-copy",
          find: "mayLetGo: async () => parts.isStopping() && (await aside.put()),",
          replace: "mayLetGo: async () => parts.isStopping(),",
          build: ["apps/worker"],
          means: "the database is away and the escrow takes nothing: what was brought home is lost with the process",
        },
      ],
    },
  ],
};
