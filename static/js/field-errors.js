// A form that is saved in place: messages beside their fields when it was refused. The inputs are left alone, so no
// secret and no file has to be given again.

const form = document.getElementById("form-errors").closest("form");
const save = document.getElementById("save-button");

// What has just come in, such as the question for the password, says for itself what is wrong with it.
const isNew = (element) => element.closest("[data-proof]") !== null;

function clearErrors() {
  for (const list of form.querySelectorAll(".field-errors")) if (!isNew(list)) list.remove();
  for (const control of form.querySelectorAll("[aria-invalid]")) if (!isNew(control)) control.removeAttribute("aria-invalid");
}

// What is being corrected is no longer called wrong; the next save judges it again.
form.addEventListener("input", (event) => {
  if (event.target.closest("[data-no-value]")) return;
  const field = event.target.closest(".field");
  for (const list of field?.querySelectorAll(".field-errors") ?? []) list.remove();
  for (const marked of field?.querySelectorAll("[aria-invalid]") ?? []) marked.removeAttribute("aria-invalid");
});

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

function showErrors(area) {
  const icon = area.querySelector("[data-error-icon]");
  for (const line of area.querySelectorAll("[data-error-for]")) showError(line, icon);
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "form-errors") return;
  clearErrors();
  const summary = event.detail.target.querySelector("[data-error-summary]");
  if (!summary) return;
  showErrors(summary);
  summary.focus();
});

// A test that was refused judges only what it needs: it marks those fields, and leaves the focus and the other marks.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id !== "test-result") return;
  const result = document.getElementById("test-result");
  for (const line of result.querySelectorAll("[data-error-for]")) {
    document.getElementById(`${line.dataset.errorFor}_error`)?.remove();
  }
  showErrors(result);
});

for (const name of ["htmx:beforeRequest", "htmx:afterRequest"]) {
  form.addEventListener(name, (event) => {
    const button = event.detail.elt === form ? save : event.detail.elt;
    button.setAttribute("aria-busy", String(name === "htmx:beforeRequest"));
  });
}
