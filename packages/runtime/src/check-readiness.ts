import { scrubText } from "./without-secrets.ts";

const LONGEST_REASON = 300;

/**
 * Makes of `ready` a check that always answers: undefined when ready, else one plain line that says why
 * not, after `timeoutMs` at the latest. However often it is called, `ready` runs once at a time: probes
 * do not pile up behind a database that hangs.
 */
export function createReadinessCheck(ready: () => Promise<unknown>, timeoutMs: number) {
  let underWay: Promise<string | undefined> | undefined;

  return async function checkReadiness(): Promise<string | undefined> {
    underWay ??= reasonAgainst(ready).finally(() => {
      underWay = undefined;
    });
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, `no answer within ${timeoutMs} ms`);
    });
    return Promise.race([underWay, tooLate]).finally(() => clearTimeout(timer));
  };
}

async function reasonAgainst(ready: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await ready();
    return undefined;
  } catch (error) {
    const text = scrubText(error instanceof Error ? error.message || error.name : String(error));
    return text.replaceAll(/\s+/g, " ").trim().slice(0, LONGEST_REASON);
  }
}
