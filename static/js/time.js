// Keeps <time data-when="ago"> and <time data-when="countdown"> current. Says nothing to screen readers: the exact
// instant stands in title and datetime. The server wrote the first text with the same words, so nothing jumps.

const words = JSON.parse(document.body.dataset.timeWords || "null");

function ago(seconds) {
  const fill = (unit, number) => words[unit].replace("%(n)s", number);
  if (seconds < 60) return fill("s", seconds);
  if (seconds < 3600) return fill("min", Math.floor(seconds / 60));
  if (seconds < 86400) return fill("h", Math.floor(seconds / 3600));
  return fill("d", Math.floor(seconds / 86400));
}

function countdown(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const text = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  return hours ? `${hours}:${text}` : text;
}

function refresh() {
  for (const element of document.querySelectorAll("time[data-when]")) {
    const seconds = Math.floor((Date.now() - Date.parse(element.dateTime)) / 1000);
    const text = element.dataset.when === "ago" ? ago(Math.max(0, seconds)) : countdown(Math.max(0, -seconds));
    if (element.textContent !== text) element.textContent = text;
  }
}

if (words) {
  refresh();
  window.setInterval(refresh, 1000);
}
