// Names for what Django's admin leaves without one: controls in the rows of inlines, pickers, and the marks beside them.

function textOf(element) {
  return element?.textContent.trim().replace(/\s+/g, " ") ?? "";
}

function nameCells(table) {
  const heads = [...table.querySelectorAll("thead th")];
  for (const row of table.tBodies[0]?.rows ?? []) {
    for (const cell of row.cells) {
      const name = textOf(heads[cell.cellIndex]);
      for (const control of cell.querySelectorAll("input:not([type=hidden]), select, textarea")) {
        if (name && !control.labels?.length) control.setAttribute("aria-label", name);
      }
    }
  }
}

// A picker with nothing chosen is named by its empty value.
function namePicker(picker) {
  const select = picker.closest(".select2")?.previousElementSibling;
  const name = select?.getAttribute("aria-label") ?? textOf(select?.labels?.[0]);
  const shown = picker.querySelector("[role=textbox]");
  if (!name) return;
  picker.setAttribute("aria-label", name);
  picker.removeAttribute("aria-labelledby");
  shown?.setAttribute("aria-label", name);
}

function nameAll() {
  document.querySelectorAll(".tabular table").forEach(nameCells);
  document.querySelectorAll(".select2-selection").forEach(namePicker);
  for (const mark of document.querySelectorAll("span.help-tooltip[aria-label]")) mark.setAttribute("role", "img");
}

// Django's scripts draw pickers and rows when they get to it, some after the page has loaded.
let waiting = 0;
const watcher = new MutationObserver(() => {
  window.clearTimeout(waiting);
  waiting = window.setTimeout(nameAll, 20);
});

nameAll();
watcher.observe(document.body, { childList: true, subtree: true });
