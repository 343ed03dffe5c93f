// Rows of headers: add, remove, and a value that is hidden while its secret switch is on. A page may have several sets of
// rows, each with its template, its button and its count in one element.

const TEXT_HEADERS = ["content-type", "accept", "user-agent", "accept-language"];

function changed(rows) {
  rows.querySelector(".header-row-titles").hidden = !rows.querySelector(".header-row:not(.header-row-titles)");
  rows.dispatchEvent(new CustomEvent("rows-changed", { bubbles: true }));
}

function addRow(box, rows) {
  const total = box.querySelector("[name$='-TOTAL_FORMS']");
  const holder = document.createElement("div");
  holder.innerHTML = box.querySelector("template").innerHTML.replaceAll("__prefix__", total.value);
  total.value = Number(total.value) + 1;
  const row = holder.firstElementChild;
  rows.append(row);
  row.querySelector("[name$='-name']").focus();
  changed(rows);
}

function removeRow(rows, row, add) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next?.querySelector("[name$='-name']") ?? add).focus();
  changed(rows);
}

function showOrHide(row) {
  const secret = row.querySelector("[name$='-secret']").checked;
  row.querySelector("[name$='-value']").type = secret ? "password" : "text";
}

function onInput(event) {
  const row = event.target.closest(".header-row");
  const secret = row.querySelector("[name$='-secret']");
  if (event.target === secret) secret.dataset.touched = "";
  // These are never secrets, nor are tags; the switch may still be set by hand.
  if (event.target !== secret && secret.dataset.touched === undefined && !row.querySelector("[data-stored]")) {
    const name = row.querySelector("[name$='-name']").value.trim().toLowerCase();
    const tagged = row.querySelector("[name$='-value']").value.includes("{{");
    secret.checked = !TEXT_HEADERS.includes(name) && !tagged;
  }
  showOrHide(row);
}

for (const rows of document.querySelectorAll(".header-rows")) {
  const box = rows.closest("[data-header-rows]") ?? rows.parentElement;
  const add = box.querySelector("[name='add_header']");
  add.addEventListener("click", (event) => {
    event.preventDefault();
    addRow(box, rows);
  });
  rows.addEventListener("click", (event) => {
    const button = event.target.closest(".header-remove");
    if (!button) return;
    event.preventDefault();
    removeRow(rows, button.closest(".header-row"), add);
  });
  rows.addEventListener("input", onInput);
}
