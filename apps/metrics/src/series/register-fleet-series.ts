import { Counter, Gauge, type Registry } from "prom-client";
import type { Family, Scrape } from "./family.ts";
import { fleetFamilies } from "./fleet-families.ts";

/**
 * Adds the fleet's series to a registry. Each scrape asks `read` anew, once for each series at the same
 * moment: it must answer all of them with one reading, must not reject and must not take long.
 */
export function registerFleetSeries(register: Registry, read: () => Promise<Scrape>): void {
  for (const family of fleetFamilies) {
    if (family.type === "counter") registerCounter(register, family, read);
    else registerGauge(register, family, read);
  }
}

/** The sums are kept in the database, so a counter is filled from nothing at each scrape. */
function registerCounter(
  register: Registry,
  { name, help, labels, samples }: Family,
  read: () => Promise<Scrape>,
): void {
  new Counter({
    name,
    help,
    labelNames: labels,
    registers: [register],
    async collect() {
      const found = samples(await read());
      this.reset();
      for (const sample of found) this.inc(sample.labels, sample.value);
    },
  });
}

function registerGauge(register: Registry, { name, help, labels, samples }: Family, read: () => Promise<Scrape>): void {
  new Gauge({
    name,
    help,
    labelNames: labels,
    registers: [register],
    async collect() {
      const found = samples(await read());
      this.reset();
      for (const sample of found) this.set(sample.labels, sample.value);
    },
  });
}
