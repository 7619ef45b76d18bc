// Asks one token endpoint, waiting two seconds for its answer, and prints what came back.
import process from "node:process";
import { createTokenClient, resolveDescriptor } from "../../dist/index.js";

const [tokenUrl] = process.argv.slice(2);
const descriptor = resolveDescriptor("sample", { tokenUrl, answerTimeoutMs: 2_000 });
const client = createTokenClient();
const answer = await client.ask({ descriptor, clientId: "client", clientSecret: "secret", refreshToken: "presented" });
process.stdout.write(JSON.stringify(answer));
await client.close();
