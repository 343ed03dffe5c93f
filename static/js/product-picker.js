// Products of a webhook: search, only the selected ones, and a three-state box for all of a process.

const picker = document.getElementById("picker");

function plain(text) {
  // Found with or without accents.
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

function count(boxes) {
  return { chosen: boxes.filter((box) => box.checked).length, total: boxes.length };
}

function fill(element, counted) {
  element.textContent = element.dataset.words.replace("{chosen}", counted.chosen).replace("{total}", counted.total);
}

function boxesOf(part) {
  return [...part.querySelectorAll("[name='products']")];
}

function showCounts() {
  for (const part of picker.querySelectorAll("[data-picker-process]")) {
    const counted = count(boxesOf(part));
    const all = part.querySelector("[data-picker-all]");
    all.checked = counted.chosen === counted.total;
    all.indeterminate = counted.chosen > 0 && counted.chosen < counted.total;
    fill(part.querySelector("[data-picker-part]"), counted);
  }
  fill(document.getElementById("picker-count"), count(boxesOf(picker)));
}

function showMatches() {
  const words = plain(document.getElementById("picker-search").value).split(/\s+/).filter(Boolean);
  const only = document.getElementById("picker-only").checked;
  let any = false;
  for (const part of picker.querySelectorAll("[data-picker-process]")) {
    let found = false;
    for (const line of part.querySelectorAll(".picker-product")) {
      const text = plain(`${part.dataset.words} ${line.textContent}`);
      const shown = words.every((word) => text.includes(word)) && (!only || line.querySelector("input").checked);
      line.hidden = !shown;
      found ||= shown;
    }
    part.hidden = !found;
    any ||= found;
  }
  for (const group of picker.querySelectorAll("[data-picker-macro]")) {
    group.hidden = !group.querySelector("[data-picker-process]:not([hidden])");
  }
  document.getElementById("picker-none").hidden = any;
}

if (picker) {
  picker.addEventListener("input", (event) => {
    const all = event.target.closest("[data-picker-all]");
    if (all) for (const box of boxesOf(all.closest("[data-picker-process]"))) box.checked = all.checked;
    showCounts();
  });
  for (const id of ["picker-search", "picker-only"]) {
    const control = document.getElementById(id);
    control.dataset.noValue = "";
    control.addEventListener("input", showMatches);
  }
  document.getElementById("picker-search").addEventListener("keydown", (event) => {
    // Enter searches; it must not save the form.
    if (event.key === "Enter") event.preventDefault();
  });
  window.addEventListener("pageshow", showCounts);
}
