// The overview of operations keeps itself current. An answer that is another page, because the session has ended, must
// not take its place: the browser goes where the server would send it.

document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.serverResponse.includes('id="content-main"')) return;
  event.detail.shouldSwap = false;
  window.location.reload();
});
