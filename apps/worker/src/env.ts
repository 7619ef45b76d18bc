import { envShape, readEnv } from "@evergrant/runtime";

export type WorkerEnv = ReturnType<typeof readWorkerEnv>;

/** @throws ConfigurationError, one line a fault */
export function readWorkerEnv() {
  // biome-ignore lint/style/noProcessEnv: the one place of this app that reads the environment
  return readEnv({ app: "worker", shape: envShape("worker"), env: process.env });
}
