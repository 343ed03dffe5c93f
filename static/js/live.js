// Parts of a page that keep themselves current. An element with data-live="2" and hx-trigger="refresh" asks for news
// every 2 seconds while the page is visible; the server answers 204 when there are none, and nothing moves.
// Rows with data-watching poll by themselves (hx-trigger="every 300ms"); until they are done their table waits.

/* global htmx */

let seconds = 0;
let silenced = false;

function refresh(element) {
  if (!element.querySelector("[data-watching]")) htmx.trigger(element, "refresh");
}

function tick() {
  seconds += 1;
  if (document.hidden) return;
  for (const element of document.querySelectorAll("[data-live]")) {
    if (seconds % Number(element.dataset.live) === 0) refresh(element);
  }
}

window.setInterval(tick, 1000);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) document.querySelectorAll("[data-live]").forEach(refresh);
});

// What a reader has opened or closed stays so when its surroundings are swapped.
const opened = new Map();

document.addEventListener("htmx:beforeSwap", (event) => {
  for (const part of event.detail.target.querySelectorAll("details[id]")) opened.set(part.id, part.open);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const [id, open] of opened) {
    const part = document.getElementById(id);
    if (part) part.open = open;
  }
  opened.clear();
});

// A server that is away for a while is reported once, not at every look.
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(name, (event) => {
    if (!event.target.matches("[data-live], [data-watching]")) return;
    if (silenced) event.stopPropagation();
    silenced = true;
  });
}

document.body.addEventListener("htmx:afterOnLoad", () => { silenced = false; });

// A bar that fills until an instant: <progress data-from="…" data-until="…">, both as ISO instants.
window.setInterval(() => {
  for (const bar of document.querySelectorAll("progress[data-until]")) {
    const from = Date.parse(bar.dataset.from);
    bar.max = Math.max(1, Date.parse(bar.dataset.until) - from);
    bar.value = Math.min(bar.max, Date.now() - from);
  }
}, 1000);
