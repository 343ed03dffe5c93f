// One polite live region for the whole page. Any module, or any fragment, can speak through it:
//   document.dispatchEvent(new CustomEvent("announce", { detail: "Delivered" }))
//   <span data-announce="Delivered"></span> in what htmx swaps in.

const region = document.getElementById("live");

function say(text, failed = false) {
  if (!text) return;
  region.classList.toggle("live-failed", failed);
  // The same words twice would not be read again: empty it first.
  region.textContent = "";
  window.setTimeout(() => { region.textContent = text; }, 50);
}

document.addEventListener("announce", (event) => say(event.detail));

document.addEventListener("htmx:afterSwap", (event) => {
  const found = event.detail.elt.matches?.("[data-announce]")
    ? event.detail.elt
    : event.detail.elt.querySelector?.("[data-announce]");
  if (found) say(found.dataset.announce);
});

// A request that got no answer must not end in silence; one that was to change something fails in sight, until the next
// one succeeds.
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(name, (event) => {
    const inSight = region.classList.contains("live-failed") || event.detail.requestConfig?.verb !== "get";
    say(document.body.dataset.wordsFailed, inSight);
  });
}

document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.detail.requestConfig.verb !== "get") region.classList.remove("live-failed");
});
