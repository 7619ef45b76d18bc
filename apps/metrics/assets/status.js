// Draws the changing part of the status page anew every few seconds. Without this script the page
// reloads itself as a whole.

const main = document.querySelector("main");
const connection = document.querySelector("#connection");
const everyMs = Number(main.dataset.everyMs);
const ANSWER_WITHIN_MS = 15_000;
let timer;
let failingSince = null;

async function refresh() {
  clearTimeout(timer);
  if (!document.hidden && !isBeingRead()) await redraw();
  timer = setTimeout(refresh, everyMs);
}

async function redraw() {
  try {
    const response = await fetch("fragment", { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    if (!response.ok) throw new Error(`answered ${response.status}`);
    draw(await response.text());
    failingSince = null;
    say("");
  } catch {
    failingSince ??= new Date();
    say(`The metrics process does not answer since ${failingSince.toLocaleTimeString()}: this is old`);
  }
}

/** Someone who marks an id to copy it must not lose it. */
function isBeingRead() {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && main.contains(selection.anchorNode);
}

/** Focus and the place in tables that scroll stay where they were. */
function draw(fragment) {
  const places = [...main.querySelectorAll("[id]")].map(({ id, scrollLeft }) => ({ id, scrollLeft }));
  const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
  main.innerHTML = fragment;
  for (const { id, scrollLeft } of places) {
    const element = document.getElementById(id);
    if (element !== null) element.scrollLeft = scrollLeft;
  }
  if (focused !== "") document.getElementById(focused)?.focus({ preventScroll: true });
  document.title = `${main.querySelector("h1").textContent} – Evergrant`;
}

/** Said once, not every few seconds, to who listens. */
function say(text) {
  if (connection.textContent !== text) connection.textContent = text;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refresh();
});
timer = setTimeout(refresh, everyMs);
