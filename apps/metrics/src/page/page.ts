import { version } from "@evergrant/runtime";
import type { Status } from "../status/status.ts";
import { fragment } from "./fragment.ts";
import { html, toText } from "./html.ts";

/** How often the page draws itself anew. */
export const REFRESH_EVERY_MS = 3_000;
const WITHOUT_SCRIPT_SECONDS = 15;

/** The whole page as HTML. Addresses are relative, so that it may stand under any path of a proxy. */
export function page(status: Status): string {
  const markup = html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${status.verdict.headline} – Evergrant</title>
<link rel="icon" href="assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="assets/status.css">
<script src="assets/status.js" type="module"></script>
<noscript><meta http-equiv="refresh" content="${WITHOUT_SCRIPT_SECONDS}"></noscript>
</head>
<body>
<header><p class="name">Evergrant</p><p id="connection" role="status"></p></header>
<main data-every-ms="${REFRESH_EVERY_MS}">
${fragment(status)}
</main>
<footer><a href="status.json">status.json</a> <a href="metrics">metrics</a> <span>${version}</span></footer>
</body>
</html>`;
  return `<!doctype html>\n${toText(markup)}\n`;
}
