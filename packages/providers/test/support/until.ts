import { vi } from "vitest";

/** Waits for a condition, with a bound that only a broken test reaches. */
export function until(condition: () => boolean): Promise<boolean> {
  return vi.waitUntil(condition, { timeout: 10_000, interval: 5 });
}
