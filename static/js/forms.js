// Save with errors: the summary takes focus and leads to the fields. A form is sent once, however often it is pressed.
// A chosen file is named.

document.querySelector("[data-error-summary]")?.focus();

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-error-summary] a[href^='#']");
  if (!link) return;
  const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  const field = target?.matches("input, select, textarea") ? target : target?.querySelector("input, select, textarea");
  if (!field) return;
  event.preventDefault();
  field.focus();
});

// Busy, not disabled: a disabled button would lose focus, and its name would not be sent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  event.submitter?.setAttribute("aria-busy", "true");
});

// The name of a chosen file, in the place of the words that there is none (connections/_file_picker.html).
function showFile(input) {
  const name = input.parentElement.querySelector("[data-file-name]");
  name.dataset.none ??= name.textContent;
  name.textContent = input.files[0]?.name ?? name.dataset.none;
  name.toggleAttribute("data-chosen", input.files.length > 0);
}

document.addEventListener("change", (event) => {
  if (event.target.matches(".file-picker > input")) showFile(event.target);
});

// Back from the next page: the browser may show this one as it was left.
window.addEventListener("pageshow", (event) => {
  // A browser may have kept the file.
  for (const input of document.querySelectorAll(".file-picker > input")) showFile(input);
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy='true']")) button.removeAttribute("aria-busy");
});
