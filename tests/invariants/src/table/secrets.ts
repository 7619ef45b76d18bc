import type { Invariant, TestName } from "../invariant.ts";
import { sealedGuards } from "./sealed-guards.ts";

const loggerTest = (name: string): TestName => ({ file: "packages/runtime/test/create-logger.test.ts", name });
const scrubTest = (name: string): TestName => ({ file: "packages/runtime/test/without-secrets.test.ts", name });
const databaseErrorTest = (name: string): TestName => ({ file: "packages/store/test/client/client.test.ts", name });

export const secrets: Invariant = {
  number: 7,
  promise:
    "No token or secret appears in job data, logs, metrics, error texts, traces or CLI output; in Redis only as escrow ciphertext",
  why:
    "A token that shows anywhere is a customer's books in the open. Each way out has a guard of its own, the stored form is bound " +
    "to its place, and the database itself refuses anything that is not sealed.",
  guards: [
    {
      does: "Everything that is logged passes the scrubber",
      file: "packages/runtime/src/create-logger.ts",
      test: loggerTest("a secret never comes out through"),
      mutants: [
        {
          name: "log-lines-are-not-scrubbed",
          find: "Reflect.apply(method, this, safeArguments(args));",
          replace: "Reflect.apply(method, this, args);",
          means: "a driver's error brings its parameters into the log",
        },
        {
          name: "bindings-are-not-scrubbed",
          find: "Reflect.apply(child, this, [withoutSecretFields(bindings), options])",
          replace: "Reflect.apply(child, this, [bindings, options])",
          test: loggerTest("a secret never comes out through a binding of a child"),
          means: "what is bound to a child logger stands in each of its lines",
        },
      ],
    },
    {
      does: "Pino's own redaction stands behind the scrubber",
      file: "packages/runtime/src/create-logger.ts",
      test: loggerTest("pino's own redaction stands behind"),
      mutants: [
        {
          name: "no-second-line",
          find: '      redact: { paths: REDACTED_PATHS, censor: "[redacted]" },\n',
          replace: "",
          means: "a serializer that is added one day brings a token in",
        },
      ],
    },
    {
      does: "Fields with a secret's name are censored, texts scrubbed, errors reduced to what is known to be harmless",
      file: "packages/runtime/src/without-secrets.ts",
      test: scrubTest("with a secret's name are censored at any depth"),
      mutants: [
        {
          name: "names-say-nothing",
          find: "return isSecretName(name) && !isHarmless ? CENSORED : withoutSecrets(field, depth + 1);",
          replace: "return isHarmless ? field : withoutSecrets(field, depth + 1);",
          means: "a field called refreshToken is shown when its text looks like nothing",
        },
        {
          name: "texts-are-not-scrubbed",
          find: "const scrubbed = SECRET_TEXTS.reduce((rest, [pattern, censored]) => rest.replaceAll(pattern, censored), readable);",
          replace: "const scrubbed = readable;",
          test: scrubTest("loses what looks like a secret"),
          means: "a password in an address is shown",
        },
        {
          name: "errors-are-shown-whole",
          find: "  if (value instanceof Error || types.isNativeError(value)) return describeError(value, depth);\n",
          replace: "",
          test: scrubTest("keeps name, code, message, stack and cause, and nothing that a driver hung on it"),
          means: "whatever a driver hangs on its errors is shown",
        },
      ],
    },
    {
      does: "What a provider says is kept without anything of what it was sent",
      file: "packages/core/src/judge.ts",
      test: {
        file: "packages/core/test/judge/judge.property.test.ts",
        name: "no evidence and no reason repeats the refresh token or the client secret that was sent",
      },
      mutants: [
        {
          name: "echoes-stay",
          find: "return withoutEchoes(text, secrets())\n",
          replace: "return text.slice(0, 2_000).replace(/[^\\x20-\\x7e]/g, ' ')\n",
          means: "a provider that quotes the token brings it into the journal",
        },
        {
          name: "long-words-stay",
          find: '    .replace(/[\\w\\-.~+/=%]{40,}/g, "[removed]")\n',
          replace: "",
          test: {
            file: "packages/core/test/judge/judge.test.ts",
            name: "holds no token that came back, nor anything that looks like one",
          },
          means: "a token that is none of ours is kept as evidence",
        },
      ],
    },
    {
      does: "Of a broken connection only the code is told",
      file: "packages/providers/src/exchange.ts",
      test: { file: "packages/providers/test/sent-or-not.test.ts", name: "connection refused" },
      mutants: [
        {
          name: "socket-errors-are-told-in-full",
          find: 'return typeof code === "string" && /^[A-Z][A-Z0-9_]{1,59}$/.test(code) ? code : "UNKNOWN";',
          replace: "return error instanceof Error ? `${String(code)} ${error.message}` : String(error);",
          means: "a message may quote what was sent",
        },
      ],
    },
    {
      does: "A job holds the id of its connection and nothing else",
      file: "packages/queue/src/refresh-job.ts",
      test: {
        file: "packages/queue/test/refresh-queues.test.ts",
        name: "a job holds the connection's id and nothing else",
      },
      mutants: [
        {
          name: "jobs-carry-more",
          find: "    data: { connectionId },\n",
          replace: "    data: Object.assign({ connectionId }, { priority }),\n",
          means: "what is added one day lies in Redis in the clear",
        },
      ],
    },
    {
      does: "Nothing that a handler throws is written to the queue",
      file: "packages/queue/src/consume-refreshes.ts",
      test: {
        file: "packages/queue/test/consume-refreshes.test.ts",
        name: "nothing that a handler throws is written to the queue",
      },
      mutants: [
        {
          name: "job-failures-tell-all",
          find: 'throw new UnrecoverableError("The handler threw; its error is in the worker\'s log.");',
          replace: "throw error;",
          means: "stack and message of any error lie in Redis",
        },
      ],
    },
    {
      does: "Errors of the database show no value",
      file: "packages/store/src/client.ts",
      test: databaseErrorTest("is told in one line and shows no value"),
      mutants: [
        {
          name: "details-of-rows-are-shown",
          find: '    client.connection.prependListener("errorMessage", hideValues);\n',
          replace: "",
          means: "the detail of a broken constraint quotes the row",
        },
      ],
    },
    {
      does: "A value that is refused is not quoted",
      file: "packages/store/src/client-errors.ts",
      test: databaseErrorTest("is told in one line and shows no value"),
      mutants: [
        {
          name: "refused-values-are-quoted",
          find: '  if (error.code?.startsWith("22")) error.message = "a value was refused";\n',
          replace: "",
          means: "the text that was no number is in the error",
        },
      ],
    },
    {
      does: "A mistake in the environment is told without the value of a secret",
      file: "packages/runtime/src/read-env.ts",
      test: {
        file: "packages/runtime/test/read-env.test.ts",
        name: "do not repeat a long text in a plain variable",
      },
      mutants: [
        {
          name: "pasted-secrets-are-shown",
          find: "return value.length > LONGEST_VALUE_SHOWN\n",
          replace: "return value.length > 10_000\n",
          means: "a secret that was pasted into the wrong line is printed",
        },
        {
          name: "secret-variables-are-shown",
          find: '  if (variables[name]?.secret) return "";\n',
          replace: "",
          test: { file: "packages/runtime/test/read-env.test.ts", name: "never repeat the value of a secret variable" },
          means: "a password with a stray character in it is printed",
        },
      ],
    },
    {
      does: "What a person at the terminal is told is scrubbed",
      file: "packages/runtime/src/run-app.ts",
      test: {
        file: "packages/runtime/test/run-app.test.ts",
        name: "whose dependency is away ends with the code that says so",
      },
      mutants: [
        {
          name: "terminals-show-everything",
          find: "scrubText(explained.message).split",
          replace: "explained.message.split",
          means: "the password of the database's address stands on the screen",
        },
      ],
    },
    {
      does: "A client secret is never taken from the command line",
      file: "apps/admin/src/secret/secret-options.ts",
      test: {
        file: "apps/admin/test/commands/app.test.ts",
        name: "is never taken as an argument, and the refusal says why without repeating it",
      },
      mutants: [
        {
          name: "arguments-may-hold-secrets",
          find: "  if (clientSecret === undefined) return;\n",
          replace: "  if (clientSecret !== false) return;\n",
          means: "it stays in the shell's history and in the list of processes",
        },
      ],
    },
    {
      does: "The probes say why a process is not ready, without what stands in its addresses",
      file: "packages/runtime/src/check-readiness.ts",
      test: {
        file: "packages/runtime/test/start-health-server.test.ts",
        name: "do not give away the password of what is not ready",
      },
      mutants: [
        {
          name: "probes-tell-passwords",
          find: "scrubText(error instanceof Error ? error.message || error.name : String(error))",
          replace: "error instanceof Error ? error.message || error.name : String(error)",
          means: "whoever may ask for the health of a worker reads the password of its database",
        },
      ],
    },
    {
      does: "A route that fails says so and nothing else",
      file: "packages/runtime/src/start-health-server.ts",
      test: {
        file: "packages/runtime/test/start-health-server.test.ts",
        name: "that fail say so without the reason, which is in the log, scrubbed",
      },
      mutants: [
        {
          name: "failures-are-served",
          find: '.send(isOurs ? "failed, see the log\\n" : "bad request\\n")',
          replace: ".send(error.message)",
          means: "an error's text is served to whoever asks",
        },
      ],
    },
    ...sealedGuards,
  ],
};
