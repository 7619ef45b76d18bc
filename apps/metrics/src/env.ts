import { envShape, readEnv } from "@evergrant/runtime";

export type MetricsEnv = ReturnType<typeof readMetricsEnv>;

/** @throws ConfigurationError, one line a fault */
export function readMetricsEnv() {
  // biome-ignore lint/style/noProcessEnv: the one place of this app that reads the environment
  return readEnv({ app: "metrics", shape: envShape("metrics"), env: process.env });
}
