import type { Guard, TestName } from "../invariant.ts";

const refreshTest = (name: string): TestName => ({ file: "apps/worker/test/refresh-connection.test.ts", name });
const noLongerWanted: TestName = {
  file: "packages/providers/test/exchange.test.ts",
  name: "a request that is no longer wanted when its connection is found is never sent",
};
const mayNotBegin: TestName = {
  file: "apps/worker/test/present-token.test.ts",
  name: "a worker that may no longer begin when its connection is found sends nothing",
};

/** Of invariant 1: a process may be stopped between its last look at the lease and the first byte. */
export const socketGuards: readonly Guard[] = [
  {
    does: "The lease is looked at once more in the last moment before the first byte",
    file: "apps/worker/src/refresh-connection.ts",
    test: refreshTest("a process that slept between its last look at the lease and the socket may no longer begin"),
    mutants: [
      {
        name: "nobody-looks-at-the-socket",
        find: "parts.present(token, app, lease.surelyHeld)",
        replace: "parts.present(token, app, () => true)",
        means: "a worker that is stopped while it connects wakes and presents what its successor has spent",
      },
    ],
  },
  {
    does: "That look counts from when the lease was last seen to begin",
    file: "apps/worker/src/lease-keeper.ts",
    test: refreshTest("a process that slept between its last look at the lease and the socket may no longer begin"),
    mutants: [
      {
        name: "leases-last-for-ever",
        find: "monotonicMs() - (held.get(lease.intentId)?.at ?? Number.NEGATIVE_INFINITY) < leaseMs - periodMs / 2;",
        replace: "held.has(lease.intentId);",
        means: "a lease that was held before the sleep counts as held after it",
      },
    ],
  },
  {
    does: "The answer of that look reaches the socket",
    file: "apps/worker/src/present-token.ts",
    test: mayNotBegin,
    mutants: [
      {
        name: "worker-forgets-to-ask",
        find: "      refreshToken,\n      mayBegin,\n",
        replace: "      refreshToken,\n",
        means: "the provider client is not told to look",
      },
    ],
  },
  {
    does: "The provider client hands it on with each client secret that is tried",
    file: "packages/providers/src/refresh.ts",
    test: mayNotBegin,
    mutants: [
      {
        name: "refresh-forgets-to-ask",
        find: "refreshToken }, { mayBegin });",
        replace: "refreshToken }, {});",
        means: "the HTTP client is not told to look",
      },
    ],
  },
  {
    does: "A request that is no longer wanted when its connection is found is not sent",
    file: "packages/providers/src/exchange.ts",
    test: noLongerWanted,
    mutants: [
      {
        name: "unwanted-requests-are-sent",
        find:
          "    if (!this.#sent && this.#limits.mayBegin?.() === false) {\n" +
          '      this.#settle({ kind: "none", sent: false, code: "NO_LONGER_WANTED" });\n    }\n',
        replace: "",
        means: "what was decided before the connection was there decides",
      },
      {
        name: "waking-up-sends-what-waited",
        find: "    if (!this.#sent && performance.now() - this.#startedAt >= this.#limits.sendWithinMs) this.#giveUp();\n",
        replace: "",
        test: {
          file: "packages/providers/test/asleep.test.ts",
          name: "a request that waited for its connection while the process stood still is not sent when it goes on",
        },
        build: ["packages/providers"],
        means: "a process that stood still finds a connection before its timers have run",
      },
    ],
  },
];
