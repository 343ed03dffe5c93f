// The form of a webhook: fields of the chosen authentication type, and whether the last test still fits the form.

const form = document.getElementById("webhook-form");
const method = form.querySelector("[name='auth_method']");
const address = form.querySelector("[name='request_uri']");
const state = document.getElementById("form-state");

// --- authentication type -----------------------------------------------------------------------------------------

function showMethod() {
  for (const area of form.querySelectorAll("[data-method]")) area.hidden = area.dataset.method !== method.value;
  for (const words of form.querySelectorAll("[data-methods]")) {
    words.hidden = !words.dataset.methods.split(" ").includes(method.value);
  }
  showParts();
}

// A part of the fields is asked for, or is mandatory, while other fields have certain values:
// data-shown-if='[["jwt-method", ["jwt_7523"]]]'. A field that is not on the page has no value.

function holds(conditions) {
  return JSON.parse(conditions).every(([name, values]) => values.includes(form.elements[name]?.value ?? ""));
}

function markRequired(part, required) {
  const files = part.querySelectorAll("[type='file']");
  for (const control of files.length ? files : part.querySelectorAll("input, select, textarea")) {
    const label = control.closest(".field")?.querySelector("label");
    const mark = label?.querySelector(".required");
    if (!label || Boolean(mark) === required) continue;
    if (mark) mark.remove();
    else label.insertAdjacentHTML("beforeend", ' <i class="required" aria-hidden="true">*</i>');
  }
}

function showParts() {
  for (const part of form.querySelectorAll("[data-shown-if]")) part.hidden = !holds(part.dataset.shownIf);
  for (const part of form.querySelectorAll("[data-required-if]")) markRequired(part, holds(part.dataset.requiredIf));
  for (const pair of form.querySelectorAll("[data-key-pair]")) {
    const chosen = pair.querySelector("select")?.value ?? "";
    pair.querySelector("[data-key-pair-own]").hidden = chosen !== "";
    for (const shown of pair.querySelectorAll("[data-key-pair-of]")) shown.hidden = shown.dataset.keyPairOf !== chosen;
  }
  for (const warning of form.querySelectorAll("[data-clear-text]")) {
    const typed = warning.closest(".part").querySelector("input").value;
    warning.hidden = !typed.trim().toLowerCase().startsWith("http:");
  }
}

function warnOfClearText() {
  const secrets = method.value !== "none" || form.querySelector("#headers .header-rows [name$='-secret']:checked");
  const clear = address.value.trim().toLowerCase().startsWith("http:");
  document.getElementById("clear-text-warning").hidden = !(clear && secrets);
}

// --- what is unsaved, what is tested -----------------------------------------------------------------------------

let unsaved = false;

function onChange() {
  unsaved = true;
  showMethod();
  warnOfClearText();
  const mark = form.querySelector("#test-result [data-outdated]");
  if (mark) {
    mark.hidden = false;
    mark.querySelector("span").textContent = form.dataset.wordsOutdated;
  }
  state.textContent = form.dataset.wordsChanged;
}

form.addEventListener("input", (event) => {
  if (event.target.closest("[data-no-value]")) return;
  onChange();
});
form.addEventListener("rows-changed", onChange);

// Leaving is asked about, in the browser's own words, while there is something to lose. Not when the server says where to
// go next, and not when the browser itself sends the form.
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
form.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Redirect")) unsaved = false;
});
document.addEventListener("submit", (event) => {
  if (event.target === form && !event.defaultPrevented) unsaved = false;
});

// On a telephone the result lies several screens away from the button.
function showVerdict(words) {
  const way = document.createElement("a");
  way.href = "#test-result";
  way.textContent = words;
  state.replaceChildren(way);
}

document.addEventListener("htmx:afterSwap", (event) => {
  // Saving and testing ask for the password each in its own place: the last that asked is the one that counts.
  const proof = event.target.querySelector("[data-proof]");
  for (const other of proof ? form.querySelectorAll("[data-proof]") : []) if (other !== proof) other.remove();
  const verdict = document.getElementById("test-result")?.dataset.verdict;
  if (event.detail.elt.id === "test-result" && verdict) showVerdict(verdict);
});

// A browser may fill the form again when one comes back to it.
window.addEventListener("pageshow", () => { showMethod(); warnOfClearText(); });
