import { type ChildProcess, spawn } from "node:child_process";
import type { Lifecycle } from "@evergrant/runtime";
import { childEnv } from "./env.ts";
import { entry } from "./rooms.ts";

export interface OperatorAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the operator's command as a process, the way a user would. */
export type Operator = (args: readonly string[], input?: string) => Promise<OperatorAnswer>;

/** @param env what the command is given of Evergrant's variables */
export function createOperator(lifecycle: Pick<Lifecycle, "add">, env: Readonly<Record<string, string>>): Operator {
  const running = new Map<ChildProcess, Promise<OperatorAnswer>>();
  lifecycle.add("operator's commands", async () => {
    for (const child of running.keys()) child.kill("SIGTERM");
    await Promise.allSettled(running.values());
  });
  return (args, input = "") => {
    const child = spawn(process.execPath, [entry.admin, ...args], {
      detached: true,
      env: childEnv("admin", env),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const answer = collect(child, input).finally(() => running.delete(child));
    running.set(child, answer);
    return answer;
  };
}

function collect(child: ReturnType<typeof spawn>, input: string): Promise<OperatorAnswer> {
  return new Promise((resolve, reject) => {
    const output = { stdout: "", stderr: "" };
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
}
