import { type Env, type ProcessAnswer, type Room, type RunningRoom, runRoom, startRoom } from "@evergrant/testkit";

export type { Env, RunningRoom as Running } from "@evergrant/testkit";

const started = new Set<RunningRoom>();

/** Starts a room and resolves when it says where it listens. Rejects with its last lines when it ends before. */
export async function start(room: Exclude<Room, "admin">, env: Env): Promise<RunningRoom> {
  const running = await startRoom(room, whole(env));
  started.add(running);
  void running.ended.then(() => started.delete(running));
  return running;
}

/** Stops whatever a test has left running. */
export async function stopAll(): Promise<void> {
  await Promise.all([...started].map((running) => running.stop()));
}

/** Runs the operator's command to its end. */
export function admin(args: readonly string[], env: Env, input = ""): Promise<ProcessAnswer> {
  return runToEnd("admin", env, args, input);
}

/** Runs a process that is expected to end by itself. */
export function runToEnd(room: Room, env: Env, args: readonly string[] = [], input = ""): Promise<ProcessAnswer> {
  return runRoom(room, whole(env), args, input);
}

/** A child needs PATH; of our variables it gets only what the test says. */
function whole(env: Env): Env {
  const system = Object.entries(process.env).filter(([name]) => !/^(EVERGRANT_|DATABASE_URL|REDIS_URL)/.test(name));
  return { ...Object.fromEntries(system.map(([name, value]) => [name, value ?? ""])), ...env };
}

/** Waits until a condition holds, looking every 50 ms. Fails with what it waited for. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  withinMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited ${withinMs} ms in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
