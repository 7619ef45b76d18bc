/**
 * The exit codes of every Evergrant process.
 *
 * | code | meaning |
 * |---|---|
 * | 0 | done, or stopped in order |
 * | 1 | a bug or anything unexpected; the log has it as `fatal` |
 * | 2 | a mistake in the usage or the configuration; stderr says which |
 * | 3 | a dependency is away (PostgreSQL, Redis); trying again may help |
 * | 4 | a part succeeded, a part failed (an import with bad lines) |
 */
export const exitCodes = { ok: 0, unexpected: 1, usage: 2, dependencyAway: 3, partialFailure: 4 } as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * An error that its reader can act on: the message is one clear line (what is wrong, where, what to
 * do), printed without a stack. It holds no secret. `cause` is for the log, never printed.
 */
export class UserError extends Error {
  override readonly name: string = "UserError";
  readonly exitCode: ExitCode;

  constructor(message: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.exitCode = options.exitCode ?? exitCodes.usage;
  }
}

/** What the configuration has wrong: one line per fault, so that all can be mended at once. */
export class ConfigurationError extends UserError {
  override readonly name = "ConfigurationError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join("\n"));
    this.faults = faults;
  }
}
