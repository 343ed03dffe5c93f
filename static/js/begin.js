// Runs before the first paint: what only works with a script is shown from the start, and nothing jumps.
document.documentElement.classList.add("has-js");
