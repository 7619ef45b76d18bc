import type { Logger } from "./create-logger.ts";
import { type ExitCode, exitCodes } from "./user-error.ts";

/** The part of `process` that is listened to. */
export interface Signals {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

export interface Lifecycle {
  /** True from the first word of a stop: readiness should end with it. */
  readonly isStopping: boolean;
  /**
   * Listens for signals and for errors that nobody caught, then runs `startUp`. If that fails, what it
   * added so far stops in order before the error is thrown on: nothing under way is cut off by an exit.
   * Every call returns the same promise.
   */
  start(startUp?: () => Promise<void>): Promise<void>;
  /**
   * Has `stop` called when the process stops, after everything that was added later. Added during a
   * stop, it is stopped at once: nothing that starts late is left behind.
   */
  add(name: string, stop: () => unknown): void;
  /**
   * Stops everything in reverse order, each awaited; a step that fails is logged and the next one runs.
   * Resolves when all have stopped, with the code that the process should end with. It does not end the
   * process. Every call returns the same promise.
   */
  stop(reason: string): Promise<ExitCode>;
}

/**
 * The orderly end of a process.
 *
 * SIGTERM or SIGINT: everything stops, however long it takes, then `exit(0)`; 1 if a step failed. More
 * signals change nothing, and no stop is cut short: a token request that was sent may bring the only
 * copy of the next token. Whoever cannot wait sends SIGKILL. Every `graceMs` the log names what is
 * still being waited for.
 *
 * An error that nobody caught: logged as fatal, the same stop, `exit(1)`. Here `faultGraceMs` is the end:
 * a process in an unknown state may never finish.
 */
export function createLifecycle(options: {
  logger: Logger;
  graceMs: number;
  /** How long an orderly stop may take after an error that nobody caught; `graceMs` when not said. */
  faultGraceMs?: number | undefined;
  signals?: Signals;
  exit?: (code: ExitCode) => void;
}): Lifecycle {
  const {
    logger,
    graceMs,
    faultGraceMs = options.graceMs,
    signals = process,
    exit = (code) => process.exit(code),
  } = options;
  const steps = stepsToStop(logger, graceMs);
  let starting: Promise<void> | undefined;
  let stopping: Promise<ExitCode> | undefined;
  let hasFaulted = false;
  let hasEnded = false;

  const listeners = {
    SIGTERM: () => void stop("SIGTERM").then(end),
    SIGINT: () => void stop("SIGINT").then(end),
    uncaughtException: onFault,
    unhandledRejection: onFault,
  };

  return {
    get isStopping() {
      return stopping !== undefined;
    },
    start(startUp = async () => {}) {
      starting ??= startEverything(startUp);
      return starting;
    },
    add: steps.add,
    stop,
  };

  async function startEverything(startUp: () => Promise<void>): Promise<void> {
    for (const [event, listener] of Object.entries(listeners)) signals.on(event, listener);
    try {
      await startUp();
    } catch (error) {
      await stop("could not start");
      throw error;
    }
  }

  function stop(reason: string): Promise<ExitCode> {
    // Later, not now: a step that asks for a stop itself must find this one.
    stopping ??= Promise.resolve(reason).then(stopEverything);
    return stopping;
  }

  async function stopEverything(reason: string): Promise<ExitCode> {
    logger.info({ reason }, "stopping");
    const allStopped = await steps.stopAll();
    for (const [event, listener] of Object.entries(listeners)) signals.off(event, listener);
    logger.info("stopped");
    return allStopped && !hasFaulted ? exitCodes.ok : exitCodes.unexpected;
  }

  function onFault(fault: unknown): void {
    logger.fatal({ err: fault }, "unexpected error, stopping");
    if (hasFaulted) return;
    hasFaulted = true;
    const giveUp = setTimeout(() => {
      logger.fatal({ waitingFor: steps.current() }, "gave up waiting");
      end(exitCodes.unexpected);
    }, faultGraceMs);
    void stop("unexpected error").then(() => {
      clearTimeout(giveUp);
      end(exitCodes.unexpected);
    });
  }

  function end(code: ExitCode): void {
    if (hasEnded) return;
    hasEnded = true;
    exit(code);
  }
}

interface Step {
  readonly name: string;
  readonly stop: () => unknown;
}

/** The steps of a stop, last in, first out. */
function stepsToStop(logger: Logger, graceMs: number) {
  const waiting: Step[] = [];
  let current: Step | undefined;
  let isDone = false;

  return {
    current: () => current?.name,
    add(name: string, stop: () => unknown): void {
      if (isDone) void stopStep({ name, stop }, logger, graceMs);
      else waiting.push({ name, stop });
    },
    /** True when each step stopped without an error. */
    async stopAll(): Promise<boolean> {
      let allStopped = true;
      // Taken one by one: a step that is added meanwhile is the next one.
      for (current = waiting.pop(); current !== undefined; current = waiting.pop()) {
        if (!(await stopStep(current, logger, graceMs))) allStopped = false;
      }
      isDone = true;
      return allStopped;
    },
  };
}

async function stopStep({ name, stop }: Step, logger: Logger, graceMs: number): Promise<boolean> {
  const startedAt = performance.now();
  const reminder = setInterval(() => {
    logger.warn({ waitingFor: name, waitedMs: Math.round(performance.now() - startedAt) }, "still stopping");
  }, graceMs);
  try {
    await stop();
    return true;
  } catch (error) {
    logger.error({ err: error, step: name }, "could not stop in order");
    return false;
  } finally {
    clearInterval(reminder);
  }
}
