// A run's output, with search. Lines come as "[RANK] text".
import { element } from "./tables.js";

function matcher(text) {
  const expression = /^\/(.+)\/(i?)$/.exec(text);
  if (!expression) {
    const wanted = text.toLowerCase();
    return (line) => line.toLowerCase().includes(wanted);
  }
  try {
    const compiled = new RegExp(expression[1], expression[2]);
    return (line) => compiled.test(line);
  } catch {
    return null;
  }
}

function lineParts(line) {
  const [, prefix, rest] = /^(\[[^\]\s]{1,24}\] ?)?([\s\S]*)$/.exec(line);
  return [...(prefix ? [element("span", { className: "prefix", text: prefix })] : []), `${rest}\n`];
}

// Follows the newest line unless the reader has scrolled up.
export function showLines(target, lines) {
  const whole = lines.join("\n");
  if (target.dataset.last === whole) return;
  target.dataset.last = whole;
  const isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
  target.replaceChildren(...lines.flatMap(lineParts));
  if (isAtEnd) target.scrollTop = target.scrollHeight;
}

export function showFound(target, note, lines, text, rank) {
  const matches = text ? matcher(text) : () => true;
  if (!matches) return (note.textContent = "that is no regular expression");
  const prefix = rank === "" ? "" : `[${rank}]`;
  const found = lines.filter((line) => line.startsWith(prefix) && matches(line));
  note.textContent = text || prefix ? `${found.length} of the newest ${lines.length} lines` : `the newest ${lines.length} lines`;
  showLines(target, found);
}
