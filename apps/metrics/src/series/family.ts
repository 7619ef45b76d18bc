import type { FleetReport } from "@evergrant/store";
import type { Reading } from "../cached-read.ts";
import type { QueueDepths } from "../readings.ts";

/** What one scrape has read. */
export interface Scrape {
  readonly fleet: Reading<FleetReport>;
  readonly queue: Reading<QueueDepths>;
  /** Settlements that wait there. */
  readonly escrow: Reading<number>;
}

/** One metric: its name, what it says and how its samples come out of a scrape. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly labels: readonly string[];
  /** No samples while what they need is away: an old number would be a lie. */
  readonly samples: (scrape: Scrape) => readonly Sample[];
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
