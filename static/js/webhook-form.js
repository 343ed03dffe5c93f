// The form of a webhook: fields of the chosen authentication type, messages beside their fields when saving was
// refused (the inputs are left alone, so nothing typed is lost), and whether the last test still fits the form.

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

let changed = false;

function onChange() {
  changed = true;
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
  forgetError(event.target);
  onChange();
});
form.addEventListener("rows-changed", onChange);

// --- messages beside the fields ----------------------------------------------------------------------------------

function clearErrors() {
  for (const list of form.querySelectorAll(".field-errors")) list.remove();
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

// What is being corrected is no longer called wrong; the next save judges it again.
function forgetError(control) {
  const field = control.closest(".field");
  for (const list of field?.querySelectorAll(".field-errors") ?? []) list.remove();
  for (const marked of field?.querySelectorAll("[aria-invalid]") ?? []) marked.removeAttribute("aria-invalid");
}

function controlsOf(target) {
  return target.matches("input, select, textarea") ? [target] : [...target.querySelectorAll("input")].slice(0, 4);
}

function showError(line, icon) {
  const target = document.getElementById(line.dataset.errorFor);
  if (!target) return;
  const id = `${target.id}_error`;
  let list = document.getElementById(id);
  if (!list) {
    list = document.createElement("ul");
    list.id = id;
    list.className = "field-errors";
    (target.closest(".field") ?? target).append(list);
  }
  const item = document.createElement("li");
  const words = document.createElement("span");
  words.textContent = line.querySelector("span").textContent;
  item.append(icon.content.cloneNode(true), words);
  list.append(item);
  for (const control of controlsOf(target)) {
    const described = new Set((control.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean));
    control.setAttribute("aria-describedby", [...described.add(id)].join(" "));
    control.setAttribute("aria-invalid", "true");
    control.closest("details")?.setAttribute("open", "");
  }
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "form-errors") return;
  clearErrors();
  const summary = event.detail.target.querySelector("[data-error-summary]");
  if (!summary) return;
  const icon = summary.querySelector("[data-error-icon]");
  for (const line of summary.querySelectorAll("[data-error-for]")) showError(line, icon);
  summary.focus();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const verdict = document.getElementById("test-result")?.dataset.verdict;
  if (event.detail.elt.id === "test-result" && verdict) state.textContent = verdict;
});

for (const name of ["htmx:beforeRequest", "htmx:afterRequest"]) {
  form.addEventListener(name, (event) => {
    const button = event.detail.elt === form ? document.getElementById("save-button") : event.detail.elt;
    button.setAttribute("aria-busy", String(name === "htmx:beforeRequest"));
  });
}

// A browser may fill the form again when one comes back to it.
window.addEventListener("pageshow", () => { showMethod(); warnOfClearText(); });
