/** Where one queue lives: its BullMQ name, and the prefix of its keys in Redis (the Postgres backend has a schema instead). */
export interface QueueAddress {
  readonly name: string;
  readonly prefix: string;
}

/**
 * The queue of one OAuth app.
 *
 * The prefix is a hash tag: in a Redis Cluster all keys of one app are on one shard, and apps spread over the shards.
 * Characters that mean something to BullMQ or to the hash tag (`:`, `{`, `}`) are percent-encoded, so that every app id works.
 *
 * @throws Error when the id is empty.
 */
export function refreshQueueAddress(namespace: string, appId: string): QueueAddress {
  if (appId === "") throw new Error("The id of the OAuth app is empty: its queue cannot be named.");
  return addressOf(namespace, encodeURIComponent(appId));
}

/** The queue of the scheduler's tick. An encoded app id never holds an "@", so no app can take this name. */
export function tickQueueAddress(namespace: string): QueueAddress {
  return addressOf(namespace, "@tick");
}

function addressOf(namespace: string, name: string): QueueAddress {
  return { name, prefix: `{${namespace}:${name}}` };
}
