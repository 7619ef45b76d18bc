import { spawn } from "node:child_process";
import { childEnv } from "./env.ts";
import { entry } from "./rooms.ts";

export interface AdminAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the operator's command as a process, the way a user would. */
export function runAdmin(
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly input?: string },
): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [entry.admin, ...args], {
      detached: true,
      env: childEnv("admin", options.env),
      stdio: ["pipe", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
}
