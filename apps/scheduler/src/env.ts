import { envShape, readEnv } from "@evergrant/runtime";

export type SchedulerEnv = ReturnType<typeof readSchedulerEnv>;

/** @throws ConfigurationError, one line a fault */
export function readSchedulerEnv() {
  // biome-ignore lint/style/noProcessEnv: the one place of this app that reads the environment
  return readEnv({ app: "scheduler", shape: envShape("scheduler"), env: process.env });
}
