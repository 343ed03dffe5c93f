// <button data-open-dialog="id"> opens a <dialog>, [data-close-dialog] inside closes it. A dialog that htmx swaps in with
// data-open opens by itself. Focus goes to its title and comes back to the opener.

const openers = new WeakMap();

function open(dialog, opener) {
  openers.set(dialog, opener || document.activeElement);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("h2[tabindex], [autofocus]")?.focus();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-open-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.openDialog);
  if (dialog) {
    event.preventDefault();
    open(dialog, opener);
  }
  const closer = event.target.closest("[data-close-dialog]");
  if (closer?.closest("dialog")) {
    event.preventDefault();
    closer.closest("dialog").close();
  }
  // A click on the backdrop lands on the dialog itself.
  if (event.target.matches("dialog[open]")) event.target.close();
});

document.addEventListener("close", (event) => {
  const opener = openers.get(event.target);
  // The opener may have been swapped for a newer one meanwhile.
  const back = opener?.isConnected ? opener : document.getElementById(opener?.id || "");
  back?.focus?.();
  // One that was swapped in goes again: it would keep asking for news, unseen.
  if (event.target.matches("dialog[data-open]")) event.target.remove();
}, true);

document.addEventListener("htmx:load", (event) => {
  const found = event.detail.elt.matches("dialog[data-open]")
    ? event.detail.elt
    : event.detail.elt.querySelector("dialog[data-open]");
  if (found) open(found);
});
