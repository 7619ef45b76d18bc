// What may be tried again, by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const transientStates = new Set([
  "25006", // read-only: a standby, before a failover is through
  "40001", // serialization failure
  "40003", // statement completion unknown
  "40P01", // deadlock
  "55P03", // lock not available
  "57014", // statement timeout
  "57P01", // administrator ended the session
  "57P02", // crash of another session
  "57P03", // starting up or shutting down
  "58000", // system error
  "58030", // input/output error
]);
const transientClasses = new Set([
  "08", // connection
  "53", // too many connections, disk full, out of memory
]);

const transientPrismaCodes = new Set(["P1001", "P1002", "P1008", "P1017", "P2024", "P2028", "P2034", "P2037"]);

// How Prisma's adapter names a broken socket when the statement is raw.
const transientKinds = new Set(["DatabaseNotReachable", "ConnectionClosed", "SocketTimeout"]);

const transientSocketCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
]);

const mostLinks = 10;

// Prisma's codes have the same form, from P1 on; PostgreSQL's only class with a P is P0.
const sqlStatePattern = /^(?!P[1-9])[0-9A-Z]{5}$/;

// The driver's own errors carry no code.
const transientMessages = [
  /^Connection terminated/,
  /^Client has encountered a connection error and is not queryable/,
  /^timeout exceeded when trying to connect/,
];

/**
 * Whether the same work may succeed later without anybody changing anything: the server is away,
 * starting, full or read-only, or two transactions met. A closed list; whatever is not on it is not
 * transient. It does not say that nothing happened: a connection lost during COMMIT leaves it open
 * whether the transaction took effect, so what is tried again must stand being done already.
 */
export function isTransient(error: unknown): boolean {
  const { state, code, kind, said } = readFacts(error);
  if (state !== undefined) return transientStates.has(state) || transientClasses.has(state.slice(0, 2));
  if (kind !== undefined && transientKinds.has(kind)) return true;
  if (code !== undefined && (transientPrismaCodes.has(code) || transientSocketCodes.has(code))) return true;
  return said !== undefined;
}

/**
 * Whether the rows themselves are refused (SQLSTATE classes 22 data, 23 constraint, 54 limit; a value that cannot
 * be converted, or damaged data): trying the same again is no use. Nothing else says that, not even an error that is not transient: a password that
 * was changed, a migration under way, a process out of sockets are mended by somebody.
 */
export function isRefusal(error: unknown): boolean {
  return /^(22...|23...|54...|0A000|XX001)$/.test(readFacts(error).state ?? "");
}

/** Whether the statement waited too long, as for a row that somebody else holds. */
export function isTimeout(error: unknown): boolean {
  const { state } = readFacts(error);
  return state === "57014" || state === "55P03";
}

/** Whether the statement gave up waiting for a row that somebody else holds, which says nothing of the database. */
export function isRowHeld(error: unknown): boolean {
  return readFacts(error).state === "55P03";
}

/**
 * One line about a failure of the store that is fit for logs and terminals: what PostgreSQL said
 * and its code, never a value of a row or a parameter. An error of any other kind is told by its
 * class alone, since its text may hold anything.
 */
export function describeStoreError(error: unknown): string {
  const { state, code, kind, said, name, server } = readFacts(error);
  if (state !== undefined) return `${said ?? "a value was refused"} (SQLSTATE ${state})`;
  if (server !== undefined) return `no PostgreSQL answers at ${server}`;
  if (code !== undefined && transientSocketCodes.has(code)) return `no PostgreSQL answers (${code})`;
  return said ?? [name, code ?? kind].filter((part) => part !== undefined).join(" ");
}

/**
 * Takes the values of rows and parameters out of a server's error before anybody sees it: they
 * stand in the detail ("Failing row contains …"), and in the messages of class 22 ("invalid input
 * syntax for type integer: …").
 */
export function hideValues(error: ServerError): void {
  error.detail = undefined;
  error.where = undefined;
  if (error.code?.startsWith("22")) error.message = "a value was refused";
}

export interface ServerError {
  message: string;
  code?: string | undefined;
  detail?: string | undefined;
  where?: string | undefined;
}

interface Facts {
  /** Class of the error. */
  name: string;
  /** SQLSTATE. */
  state: string | undefined;
  /** Prisma's code, or the socket's. */
  code: string | undefined;
  /** How Prisma's adapter names the failure. */
  kind: string | undefined;
  /** Host and port, where nobody answers there. */
  server: string | undefined;
  /** What PostgreSQL or the driver said, where that is known to hold no value. */
  said: string | undefined;
}

function readFacts(error: unknown): Facts {
  const found = links(error);
  const codes = found.flatMap(({ originalCode, code }) => [originalCode, code]).filter(isText);
  const state = codes.find((code) => sqlStatePattern.test(code));
  const unreachable = found.find(({ kind, host }) => kind === "DatabaseNotReachable" && isText(host));
  return {
    name: error instanceof Error ? error.name : typeof error,
    state,
    code: codes.find((code) => !sqlStatePattern.test(code)),
    kind: found.map(({ kind }) => kind).find(isText),
    server: unreachable && [unreachable.host, unreachable.port].filter((part) => part !== undefined).join(":"),
    said: state === undefined ? driverMessage(found) : serverMessage(found, state),
  };
}

function serverMessage(found: readonly Link[], state: string): string | undefined {
  if (state.startsWith("22")) return undefined;
  const link = found.find(({ originalCode, code }) => originalCode === state || code === state);
  return [link?.originalMessage, link?.message].find(isText);
}

function driverMessage(found: readonly Link[]): string | undefined {
  return found
    .map(({ message }) => message)
    .filter(isText)
    .find((message) => transientMessages.some((known) => known.test(message)));
}

type Link = Readonly<Record<string, unknown>>;

/** The error and its causes, outermost first. Prisma keeps the adapter's error aside, under `meta`. */
function links(error: unknown): Link[] {
  const found: Link[] = [];
  for (let link = asLink(error); link !== undefined && found.length < mostLinks; link = asLink(link.cause)) {
    const fromAdapter = asLink(asLink(asLink(link.meta)?.driverAdapterError)?.cause);
    if (fromAdapter !== undefined) found.push(fromAdapter);
    found.push(link);
  }
  return found;
}

function asLink(value: unknown): Link | undefined {
  return typeof value === "object" && value !== null ? (value as Link) : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
