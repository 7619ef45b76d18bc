import { spawnSync } from "node:child_process";
import { installPackage } from "./install-package.ts";

/** What would make the tests run that ask Prometheus' own linter. */
export const promtoolRemedy = "Put promtool on PATH (Debian: apt-get install prometheus), then run again.";

/** Whether promtool can be had, installed with apt-get where that is one step away. */
export async function findPromtool(say: (line: string) => void): Promise<boolean> {
  return isThere() || ((await installPackage("prometheus", "the tests of the metrics", say)) && isThere());
}

function isThere(): boolean {
  return spawnSync("promtool", ["--version"]).status === 0;
}
