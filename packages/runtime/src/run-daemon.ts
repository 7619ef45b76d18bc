import { createLifecycle, type Lifecycle } from "./create-lifecycle.ts";
import { createLogger, type Logger, type LogLevel } from "./create-logger.ts";
import { runApp } from "./run-app.ts";
import type { UserError } from "./user-error.ts";

/** What every daemon's environment has. */
export interface DaemonEnv {
  readonly EVERGRANT_LOG_LEVEL: LogLevel;
  readonly EVERGRANT_LOG_PRETTY?: boolean | undefined;
  readonly EVERGRANT_SHUTDOWN_GRACE_MS: number;
}

/** What a daemon is started with. */
export interface Daemon<Env> {
  readonly env: Env;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

/**
 * Runs a process that goes on until it is told to stop: its environment, its logger and its lifecycle,
 * then `start`, which adds to the lifecycle whatever has to be stopped. A start that fails stops in
 * order what it had started. Exit codes and messages are those of `runApp`.
 */
export async function runDaemon<Env extends DaemonEnv>(options: {
  readonly name: string;
  readonly readEnv: () => Env;
  readonly start: (daemon: Daemon<Env>) => Promise<void>;
  /** How long an orderly stop may take after an error that nobody caught. */
  readonly faultGraceMs?: number;
  readonly explain?: (error: unknown) => UserError | undefined;
}): Promise<void> {
  const { name, readEnv, start, faultGraceMs, explain } = options;
  await runApp({
    name,
    ...(explain === undefined ? {} : { explain }),
    main: async () => {
      const env = readEnv();
      const logger = createLogger({ app: name, level: env.EVERGRANT_LOG_LEVEL, pretty: env.EVERGRANT_LOG_PRETTY });
      const lifecycle = createLifecycle({ logger, graceMs: env.EVERGRANT_SHUTDOWN_GRACE_MS, faultGraceMs });
      await lifecycle.start(() => start({ env, logger, lifecycle }));
    },
  });
}
