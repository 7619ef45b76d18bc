import { type Escrow, type EscrowEntry, EscrowError, type EscrowPlace } from "./escrow.ts";
import { createFileEscrow } from "./file-escrow.ts";
import { createRedisEscrow } from "./redis-escrow.ts";

export interface EscrowOptions {
  /** The fleet's Redis: every worker sees what waits there. */
  readonly redisUrl?: string | undefined;
  /** A folder on a disk that outlives the process: used alone, or when Redis does not answer. */
  readonly directory?: string | undefined;
  /** As of the queues: two installations that share one Redis need two. */
  readonly namespace: string;
  /** Told of lost connections to Redis; the escrow goes on in any case. */
  readonly onError: (error: Error) => void;
}

/** Opens the places that are configured; what waits in any of them is seen. Nothing is connected before the first use. */
export function openEscrow({ redisUrl, directory, namespace, onError }: EscrowOptions): Escrow {
  return combine([
    ...(redisUrl === undefined ? [] : [createRedisEscrow({ url: redisUrl, namespace, onError })]),
    ...(directory === undefined ? [] : [createFileEscrow(directory)]),
  ]);
}

/** The first place that takes something keeps it. */
function combine(places: readonly EscrowPlace[]): Escrow {
  return {
    hasPlace: places.length > 0,
    put: (entries) => firstThatTakes(places, (place) => place.put(entries)),
    async readAll() {
      const looks = await Promise.allSettled(places.map((place) => place.readAll()));
      const found = looks.flatMap((look): readonly EscrowEntry[] => (look.status === "fulfilled" ? look.value : []));
      const faults = looks.flatMap((look, index) =>
        look.status === "fulfilled" ? [] : [doesNotAnswer(places[index], look.reason)],
      );
      return { entries: found, complete: faults.length === 0, faults };
    },
    async remove(ids) {
      if (ids.length > 0) await everywhere(places, (place) => place.remove(ids));
    },
    async count() {
      const counts = await everywhere(places, (place) => place.count());
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async markAwaited(requests, forMs) {
      if (requests.length > 0) await firstThatTakes(places, (place) => place.markAwaited(requests, forMs));
    },
    async readAwaited(requests) {
      if (requests.length === 0) return { awaited: new Set(), complete: true };
      const looks = await Promise.allSettled(places.map((place) => place.readAwaited(requests)));
      const found = looks.flatMap((look): readonly string[] => (look.status === "fulfilled" ? look.value : []));
      return { awaited: new Set(found), complete: looks.every((look) => look.status === "fulfilled") };
    },
    close: async () => void (await Promise.all(places.map((place) => place.close()))),
  };
}

async function firstThatTakes(
  places: readonly EscrowPlace[],
  give: (place: EscrowPlace) => Promise<void>,
): Promise<void> {
  const refusals: unknown[] = [];
  for (const place of places) {
    try {
      return await give(place);
    } catch (error) {
      refusals.push(error);
    }
  }
  throw new EscrowError(whyNot(places), { cause: new AggregateError(refusals) });
}

function whyNot(places: readonly EscrowPlace[]): string {
  if (places.length === 0) return "There is no escrow: set REDIS_URL or EVERGRANT_ESCROW_DIR.";
  return `The escrow takes nothing (${places.map((place) => place.name).join(", ")}).`;
}

async function everywhere<Answer>(
  places: readonly EscrowPlace[],
  ask: (place: EscrowPlace) => Promise<Answer>,
): Promise<Answer[]> {
  const answers = await Promise.allSettled(places.map(ask));
  return answers.map((answer, index) => {
    if (answer.status === "fulfilled") return answer.value;
    throw doesNotAnswer(places[index], answer.reason);
  });
}

function doesNotAnswer(place: EscrowPlace | undefined, cause: unknown): EscrowError {
  return new EscrowError(`The escrow does not answer (${place?.name}).`, { cause });
}
