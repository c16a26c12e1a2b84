// Resident memory of each rank, beside what the ZeRO formula says the model's state takes.
import { element } from "./tables.js";
import * as format from "./format.js";

const kMostBars = 32;

// Of many ranks a bar stands for a group and shows its highest.
function groupsOf(rows) {
  const size = Math.ceil(rows.length / kMostBars);
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, at) => {
    const group = rows.slice(at * size, (at + 1) * size);
    const name = group.length === 1 ? `rank ${group[0].rank}` : `ranks ${group[0].rank}–${group[group.length - 1].rank}`;
    return { name, used: Math.max(...group.map((row) => row.memory_mib ?? 0)), state: group[0].state_mib };
  });
}

const mib = (value) => format.bytes(value * 2 ** 20);

function bar(group, most) {
  const fill = element("span", { className: "fill" });
  fill.style.width = `${(100 * group.used) / most}%`;
  const track = element("span", { className: "track" }, [fill]);
  if (group.state) {
    const mark = element("span", { className: "mark", title: `the formula: ${mib(group.state)}` });
    mark.style.left = `${(100 * group.state) / most}%`;
    track.append(mark);
  }
  const text = group.state ? `${mib(group.used)}, formula ${mib(group.state)}` : mib(group.used);
  return element("div", { className: "bar-row" }, [element("span", { text: group.name }), track, element("b", { text })]);
}

export function showMemory(box, rows) {
  const known = rows.filter((row) => row.memory_mib);
  if (known.length === 0) return box.replaceChildren(element("p", { className: "empty", text: "no rank has reported its memory" }));
  const groups = groupsOf(known);
  const most = 1.05 * Math.max(...groups.flatMap((group) => [group.used, group.state ?? 0]));
  const note = element("p", {
    className: "muted",
    text: "Bars: resident, libraries and activations included. Marks: parameters, gradients and optimizer state by the ZeRO formula.",
  });
  box.replaceChildren(note, ...groups.map((group) => bar(group, most)));
}
