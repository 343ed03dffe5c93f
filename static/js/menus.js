// Menus are <details>, they open without this. Here they behave as people expect: one at a time, Escape, click elsewhere.

const menus = () => document.querySelectorAll("details.drop[open], details.tenant[open]");

function close(menu, { focus = false } = {}) {
  menu.open = false;
  if (focus) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) close(menu);
});

document.addEventListener("focusin", (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) close(menu);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.drop[open], details.tenant[open]");
  if (!menu) return;
  if (event.key === "Escape") close(menu, { focus: true });
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const items = [...menu.querySelectorAll("a, button")].filter((item) => item.offsetParent);
  const step = event.key === "ArrowDown" ? 1 : -1;
  const next = items[(items.indexOf(document.activeElement) + step + items.length) % items.length];
  event.preventDefault();
  (document.activeElement.matches("summary") ? items[0] : next)?.focus();
});
