// The form of a connection: fields that belong to a choice appear with it, and what is typed and not saved is said.

const form = document.getElementById("connection-form");
const state = document.getElementById("form-state");

function showFields() {
  for (const area of form.querySelectorAll("[data-depends-on]")) {
    const choice = form.querySelector(`[name='${area.dataset.dependsOn}']`);
    area.hidden = !area.dataset.values.split(" ").includes(choice.value);
  }
  for (const warning of form.querySelectorAll("[data-clear-text]")) {
    const typed = warning.parentElement.querySelector("input").value;
    warning.hidden = !typed.trim().toLowerCase().startsWith("http:");
  }
}

function onChange() {
  showFields();
  state.textContent = form.dataset.wordsChanged;
}

form.addEventListener("input", onChange);
form.addEventListener("rows-changed", onChange);

// A browser may fill the form again when one comes back to it.
window.addEventListener("pageshow", showFields);
