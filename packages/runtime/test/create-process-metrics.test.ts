import { expect, it } from "vitest";
import { createProcessMetrics, version } from "../src/index.ts";

it("says which process runs which version on which Node", async () => {
  const metrics = await createProcessMetrics({ app: "scheduler" }).metrics();
  const labels = `app="scheduler",version="${version}",node="${process.versions.node}"`;
  expect(metrics).toContain(`evergrant_build_info{${labels}} 1`);
});

it("has the usual series of a Node process under their usual names", async () => {
  const metrics = await createProcessMetrics({ app: "scheduler" }).getMetricsAsJSON();
  const names = metrics.map((metric) => metric.name);
  const usual = ["process_cpu_seconds_total", "process_resident_memory_bytes", "nodejs_eventloop_lag_p99_seconds"];
  expect(names).toEqual(expect.arrayContaining(usual));
});

it("calls only counters `_total`, and explains every series, as promtool demands", async () => {
  for (const metric of await createProcessMetrics({ app: "worker" }).getMetricsAsJSON()) {
    expect([metric.name, metric.name.endsWith("_total")]).toEqual([metric.name, String(metric.type) === "counter"]);
    expect(metric.help).not.toBe("");
  }
});

it("two registries of one process do not disturb each other", async () => {
  const [first, second] = [createProcessMetrics({ app: "worker" }), createProcessMetrics({ app: "metrics" })];
  expect(await first.metrics()).not.toContain('app="metrics"');
  expect(await second.metrics()).toContain('app="metrics"');
});
