import { launch, type NodeProgram } from "./launch.ts";

export interface ProcessAnswer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** Runs `node file` to its end. */
export async function runNodeProcess(program: NodeProgram): Promise<ProcessAnswer> {
  const startedAt = performance.now();
  const { child, closed } = launch(program);
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
    });
  }
  const code = await closed;
  return { code, stdout: said.stdout, stderr: said.stderr.trimEnd(), tookMs: performance.now() - startedAt };
}
