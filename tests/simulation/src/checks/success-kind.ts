import type { OutcomeKind } from "@evergrant/core";

export function isSuccessKind(outcome: OutcomeKind): boolean {
  return outcome === "rotated" || outcome === "renewed";
}
