import type { Judged } from "./answers/judge-many.ts";
import type { FuzzReport } from "./run-fuzz.ts";

/** The report for people. */
export function describeReport({ seed, judged, overHttp, settled }: FuzzReport): string {
  const rows = settled.replaced + settled.kept;
  return [
    `${describe(judged)} judged, and what becomes of a row decided`,
    `${describe(overHttp)} fetched over HTTP from a server that keeps to no rule`,
    `${count(rows)} settled on real rows in ${settled.seconds.toFixed(1)} s: ${count(settled.replaced)} token sets replaced, ${count(settled.kept)} kept, every one opened again`,
    `nothing broken; seed ${seed}`,
  ].join("\n");
}

function describe({ answers, seconds, outcomes }: Judged): string {
  const kinds = Object.entries(outcomes).toSorted(([, one], [, other]) => other - one);
  const parts = kinds.map(([kind, number]) => `${kind} ${count(number)}`).join(", ");
  return `${count(answers)} answers (${parts}) in ${seconds.toFixed(1)} s, ${count(Math.round(answers / seconds))} a second:`;
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}
