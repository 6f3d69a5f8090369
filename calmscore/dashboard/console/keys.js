// Keys of the whole page, unless somebody types or a dialog is open.

const COMMANDS = {
  " ": "play", ArrowLeft: "back", ArrowRight: "forward", n: "next", p: "previous",
  b: "bookmark", "?": "help", "+": "closer", "=": "closer", "-": "wider", 0: "whole",
};
const FIELDS = "input:not([type=checkbox]), textarea, select, [contenteditable=true]";
const PRESSED_BY_SPACE = "button, a, summary, [role=button], [role=tab], input";

// The command that a key stands for, or null.
export function commandOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("[role=dialog]")) return null;
  const target = event.composedPath()[0];
  const within = (selector) => target.closest && target.closest(selector);
  if (within(FIELDS)) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === " " && within(PRESSED_BY_SPACE)) return null;
  return COMMANDS[key] || null;
}
