import { resolveDescriptor } from "@evergrant/providers";
import type { Logger } from "@evergrant/runtime";
import { closeBreaker, listApps, type Store, takeProbe } from "@evergrant/store";

/** How often an app is probed whose descriptor cannot be read. */
const FALLBACK_PROBE_MS = 15_000;

/**
 * Finds the connection that an open breaker may try now, as often as the app's descriptor says. A breaker
 * that nobody's answer could close any more is closed: there is nothing left that it protects.
 *
 * @returns a function that answers with the connection to be tried now, null when there is none
 */
export function createProber(store: Store, logger: Logger): (appId: string) => Promise<string | null> {
  return async (appId) => {
    const probe = await takeProbe(store, { appId, probeMs: await readProbeMs(store, appId) });
    switch (probe.kind) {
      case "try":
        return probe.connectionId;
      case "nobody":
        if ((await closeBreaker(store, { appId, by: "nobody_left" }))?.closed === true) {
          logger.info({ event: "breaker_closed", oauthApp: appId, by: "nobody_left" }, "the app's breaker closed");
        }
        return null;
      case "wait":
      case "closed":
        return null;
    }
  };
}

/** Asked for only while a breaker is not closed. */
async function readProbeMs(store: Store, appId: string): Promise<number> {
  const app = (await listApps(store)).find(({ id }) => id === appId);
  if (app === undefined) return FALLBACK_PROBE_MS;
  try {
    return resolveDescriptor(app.provider, app.descriptor).breaker.probeMs;
  } catch {
    // Its connections are not asked for before the descriptor is mended: that is the workers' to report.
    return FALLBACK_PROBE_MS;
  }
}
