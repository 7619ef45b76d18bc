import type { ProvidedContext } from "vitest";
import type { TestProject } from "vitest/node";

/** What tests are told of the services that they share, as JSON. Set by whoever starts vitest with this set-up. */
export const SHARED_SERVICES = "INVARIANTS_SERVICES";

/** vitest's global set-up of a run whose services are there already. */
export default function provideShared(project: TestProject): void {
  const provided = JSON.parse(process.env[SHARED_SERVICES] ?? "{}") as ProvidedContext;
  for (const [name, value] of Object.entries(provided)) project.provide(name as keyof ProvidedContext, value as never);
}
