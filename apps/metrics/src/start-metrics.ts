import type { QueueDepth } from "@evergrant/queue";
import { createProcessMetrics, type HealthServer, type Logger, startHealthServer } from "@evergrant/runtime";
import type { MetricsEnv } from "./env.ts";
import { addStatusRoutes } from "./page/routes.ts";
import { isLoopback, whoMayLook } from "./page/who-may-look.ts";
import { createReadings, type ReadingsOptions } from "./readings.ts";
import { registerFleetSeries } from "./series/register-fleet-series.ts";
import { describeStatus } from "./status/status.ts";

export interface MetricsParts {
  readonly env: Pick<MetricsEnv, "EVERGRANT_HOST" | "EVERGRANT_METRICS_PORT" | "EVERGRANT_METRICS_TOKEN">;
  readonly logger: Logger;
  readonly store: ReadingsOptions["store"];
  readonly queues: { depth(appId: string): Promise<QueueDepth> };
  readonly escrow: ReadingsOptions["escrow"];
  readonly pingQueue: () => Promise<void>;
  readonly waitMs?: number;
}

/**
 * Serves `/metrics` (this process and the fleet), the status page, `/healthz` and `/readyz`.
 *
 * It is ready as soon as it listens: with the database away it still has that to tell, and a scraper
 * that is sent elsewhere would never see `evergrant_fleet_up 0`.
 *
 * @throws ConfigurationError when it cannot listen there
 */
export function startMetrics(parts: MetricsParts): Promise<HealthServer> {
  const { env, logger, store, queues, escrow, pingQueue, waitMs } = parts;
  const token = env.EVERGRANT_METRICS_TOKEN;
  const host = env.EVERGRANT_HOST;
  const readings = createReadings({
    store,
    queues,
    escrow,
    pingQueue,
    onChange: (what, error) => {
      if (error === null) logger.info(`the ${what} answers again`);
      else logger.warn({ reason: error.message }, `the ${what} does not answer`);
    },
    ...(waitMs === undefined ? {} : { waitMs }),
  });
  if (token === undefined && !isLoopback(host)) {
    logger.warn({ host }, "EVERGRANT_METRICS_TOKEN is not set: metrics are open to all, the status page to nobody");
  }

  const register = createProcessMetrics({ app: "metrics" });
  registerFleetSeries(register, readings.fleet);
  return startHealthServer({
    host,
    port: env.EVERGRANT_METRICS_PORT,
    portVariable: "EVERGRANT_METRICS_PORT",
    logger,
    ready: async () => {},
    register,
    token,
    routes: (server) =>
      addStatusRoutes(
        server,
        async () => describeStatus(await readings.status()),
        whoMayLook({ boundTo: host, hasToken: token !== undefined }),
      ),
  });
}
