import { collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { version as currentVersion } from "./version.ts";

/**
 * Gauges whose name ends in `_total`, which is kept for counters: `promtool check metrics` refuses
 * them. The same numbers by type stay in `nodejs_active_handles` and its like.
 */
const MISNAMED_GAUGES = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
];

/**
 * A registry with what Prometheus calls the same in every Node process (`process_*`, `nodejs_*`, without
 * a prefix so that ready-made dashboards find them) and
 * `evergrant_build_info{app,version,node} 1`, where `app` is the process.
 */
export function createProcessMetrics(options: { app: string; version?: string }): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register });
  for (const name of MISNAMED_GAUGES) register.removeSingleMetric(name);
  const buildInfo = new Gauge({
    name: "evergrant_build_info",
    help: "Which process this is, and what it runs. Always 1.",
    labelNames: ["app", "version", "node"],
    registers: [register],
  });
  buildInfo.set({ app: options.app, version: options.version ?? currentVersion, node: process.versions.node }, 1);
  return register;
}
