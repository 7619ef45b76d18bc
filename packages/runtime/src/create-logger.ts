import { isatty } from "node:tty";
import { format } from "node:util";
import { type DestinationStream, type Level, type Logger, pino, stdTimeFunctions } from "pino";
import { prettyFactory } from "pino-pretty";
import { version } from "./version.ts";
import { scrubText, withoutSecretFields, withoutSecrets } from "./without-secrets.ts";

export type { Logger } from "pino";
export type LogLevel = Level | "silent";

/** A second line behind `withoutSecrets`: the fields that must never be text, down to the third level. */
const SECRET_FIELDS = [
  ...["token", "refreshToken", "accessToken", "idToken", "refresh_token", "access_token", "id_token"],
  ...["clientSecret", "client_secret", "secret", "password", "authorization", "Authorization", "cookie"],
];
const REDACTED_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

/**
 * The logger of one process: one JSON object a line, ISO time, `app`, `pid` and `version` in each. All
 * that is logged (fields, messages with their arguments, bindings of children) passes `withoutSecrets`
 * before pino sees it.
 *
 * `pretty`: lines for people; when not said, only on a terminal. `destination`: stdout when not said.
 * Lines are written synchronously, so that the last one before an exit is there.
 */
export function createLogger(options: {
  app: string;
  level: LogLevel;
  pretty?: boolean | undefined;
  destination?: DestinationStream & { isTTY?: boolean };
}): Logger {
  const { app, level, destination = pino.destination({ dest: 1, sync: true }) } = options;
  const isTerminal = options.destination === undefined ? isatty(1) : options.destination.isTTY === true;
  const logger = pino(
    {
      level,
      base: { app, pid: process.pid, version },
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: REDACTED_PATHS, censor: "[redacted]" },
      formatters: { level: (label) => ({ level: label }) },
      // Pino's own would fold the message of a cause into its error's.
      serializers: { err: (error) => error },
      hooks: {
        logMethod(args, method) {
          Reflect.apply(method, this, safeArguments(args));
        },
      },
    },
    (options.pretty ?? isTerminal) ? prettyStream(destination, isTerminal) : destination,
  );
  return withSafeBindings(logger);
}

/** Pino has no hook for the bindings of children; every child inherits these two from its parent. */
function withSafeBindings(logger: Logger): Logger {
  const { child, setBindings } = logger;
  return Object.assign(logger, {
    child(this: Logger, bindings: object, options?: object) {
      return Reflect.apply(child, this, [withoutSecretFields(bindings), options]);
    },
    setBindings(this: Logger, bindings: object) {
      Reflect.apply(setBindings, this, [withoutSecretFields(bindings)]);
    },
  });
}

/** Fields first, if there are any; then one message with its arguments already in it. */
function safeArguments(args: readonly unknown[]): unknown[] {
  const [first, ...rest] = args;
  if (typeof first !== "object" || first === null) return safeMessage(args);
  const fields = first instanceof Error ? { err: withoutSecrets(first) } : withoutSecrets(first);
  return [fields, ...safeMessage(rest)];
}

/** Scrubbed as one text: a template and its argument may be harmless apart and a credential together. */
function safeMessage(parts: readonly unknown[]): string[] {
  if (parts[0] === undefined) return [];
  const safeParts = parts.map((part) => (typeof part === "string" ? part : withoutSecrets(part)));
  return [scrubText(format(...safeParts))];
}

function prettyStream(destination: DestinationStream, isTerminal: boolean): DestinationStream {
  const prettify = prettyFactory({ colorize: isTerminal, translateTime: "SYS:HH:MM:ss.l", ignore: "pid,version" });
  return { write: (line) => void destination.write(prettify(line)) };
}
