// <button data-copy="text"> copies its text, <button data-copy-from="id"> the text of an element. The button shows it
// worked for two seconds, and the live region says so.

async function copy(button) {
  const from = button.dataset.copyFrom;
  const text = from ? document.getElementById(from).textContent : button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    if (!copyBySelection(text)) return;
  }
  button.dataset.copied = "";
  document.dispatchEvent(new CustomEvent("announce", { detail: button.dataset.copiedWord }));
  window.setTimeout(() => { delete button.dataset.copied; }, 2000);
}

// navigator.clipboard exists on https and localhost only; an installation on plain http still copies.
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (button) copy(button);
});
