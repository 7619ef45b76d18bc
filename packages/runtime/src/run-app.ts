import { type ExitCode, exitCodes, UserError } from "./user-error.ts";
import { scrubText } from "./without-secrets.ts";

/** The part of `process` that tells of errors that nobody caught. */
interface Faults {
  on(event: string, listener: (error: unknown) => void): unknown;
  listenerCount(event: string): number;
}

/**
 * Runs a process from its first line to its exit code, and is the only place that decides it, beside
 * the end of an orderly stop (`createLifecycle`).
 *
 * `main` resolves with an exit code to end there, or with nothing when what it started goes on by
 * itself. If it throws a `UserError`, or an error that `explain` turns into one, stderr gets its message
 * line by line, each with `name` in front, without a stack, and the process ends with its exit code.
 * Anything else is logged as fatal to stderr, scrubbed, and ends with 1. The same holds for errors that
 * nobody caught, until a lifecycle listens for them.
 */
export async function runApp(options: {
  name: string;
  main: () => Promise<ExitCode | undefined> | Promise<void>;
  explain?: (error: unknown) => UserError | undefined;
  stderr?: { write(text: string): unknown; isTTY?: boolean };
  exit?: (code: ExitCode) => void;
  faults?: Faults;
}): Promise<void> {
  const {
    name,
    main,
    explain,
    stderr = process.stderr,
    exit = (code) => process.exit(code),
    faults = process,
  } = options;

  const fail = async (error: unknown) => {
    const explained = error instanceof UserError ? error : explain?.(error);
    if (explained === undefined) {
      // Loaded when there is something to log: a command that does its work never needs it.
      const { createLogger } = await import("./create-logger.ts");
      createLogger({ app: name, level: "fatal", destination: stderr }).fatal(
        { err: error },
        "ended by an unexpected error",
      );
    } else {
      for (const line of scrubText(explained.message).split("\n")) stderr.write(`${name}: ${printable(line)}\n`);
    }
    exit(explained?.exitCode ?? exitCodes.unexpected);
  };

  for (const event of ["uncaughtException", "unhandledRejection"]) {
    faults.on(event, (error) => {
      if (faults.listenerCount(event) === 1) void fail(error);
    });
  }

  try {
    const code = await main();
    if (code !== undefined) exit(code);
  } catch (error) {
    await fail(error);
  }
}

/** A message may repeat a user's own words; a terminal obeys control characters. */
function printable(line: string): string {
  return line.replaceAll(/\p{Cc}/gu, "?");
}
