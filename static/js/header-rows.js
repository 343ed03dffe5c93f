// Rows of own headers: add, remove, and a value that is hidden while its secret switch is on.

const rows = document.getElementById("header-rows");
const template = document.getElementById("header-row-template");
const add = document.getElementById("add-header");
const total = document.querySelector("[name='headers-TOTAL_FORMS']");
const TEXT_HEADERS = ["content-type", "accept", "user-agent", "accept-language"];

function changed() {
  rows.querySelector(".header-row-titles").hidden = !rows.querySelector(".header-row:not(.header-row-titles)");
  rows.dispatchEvent(new CustomEvent("rows-changed", { bubbles: true }));
}

add.addEventListener("click", (event) => {
  event.preventDefault();
  const holder = document.createElement("div");
  holder.innerHTML = template.innerHTML.replaceAll("__prefix__", total.value);
  total.value = Number(total.value) + 1;
  const row = holder.firstElementChild;
  rows.append(row);
  row.querySelector("[name$='-name']").focus();
  changed();
});

rows.addEventListener("click", (event) => {
  const button = event.target.closest(".header-remove");
  if (!button) return;
  event.preventDefault();
  const row = button.closest(".header-row");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next?.querySelector("[name$='-name']") ?? add).focus();
  changed();
});

function showOrHide(row) {
  const secret = row.querySelector("[name$='-secret']").checked;
  row.querySelector("[name$='-value']").type = secret ? "password" : "text";
}

rows.addEventListener("input", (event) => {
  const row = event.target.closest(".header-row");
  const secret = row.querySelector("[name$='-secret']");
  if (event.target === secret) secret.dataset.touched = "";
  // These are never secrets; the switch may still be set by hand.
  if (event.target.name.endsWith("-name") && secret.dataset.touched === undefined && !row.querySelector("[data-stored]")) {
    secret.checked = !TEXT_HEADERS.includes(event.target.value.trim().toLowerCase());
  }
  showOrHide(row);
});
