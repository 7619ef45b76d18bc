// Is the process of this container alive? The image's HEALTHCHECK, for whichever app runs in it: a
// container has one, so behind one of the three ports somebody answers.
const { EVERGRANT_METRICS_PORT, EVERGRANT_SCHEDULER_PORT, EVERGRANT_WORKER_PORT } = process.env;
const ports = [EVERGRANT_METRICS_PORT || "9460", EVERGRANT_SCHEDULER_PORT || "9461", EVERGRANT_WORKER_PORT || "9462"];

const answers = ports.map(async (port) => {
  const { ok, status } = await fetch(`http://127.0.0.1:${port}/healthz`);
  if (!ok) throw new Error(`${status} from port ${port}`);
});
await Promise.any(answers).catch(() => {
  process.stderr.write(`no process answers on port ${ports.join(", ")}\n`);
  process.exit(1);
});
process.exit(0);
