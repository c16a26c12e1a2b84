// Nodes on their switch. A link's width says how many gradient bytes its ranks reduce in a second, its colour how much more
// than the median link that is.
import { median } from "./ranks.js";
import { element } from "./tables.js";
import * as format from "./format.js";

const kNode = { width: 168, height: 92, gap: 22 };
const kMostCells = 40;

const svg = (tag, attributes = {}, children = []) => {
  const made = document.createElementNS(d3.ns.prefix.svg, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};
const text = (content, attributes) => {
  const made = svg("text", attributes);
  made.textContent = content;
  return made;
};

// MiB a second that a node's ranks put into reductions.
function trafficOf(rows) {
  return rows.reduce((sum, row) => sum + (row.traffic_mib && row.step_ms ? (1000 * row.traffic_mib) / row.step_ms : 0), 0);
}

const toneOf = (row, suspects) => (suspects.includes(row.rank) ? "bad" : row.state === "running" ? "busy" : row.state === "lost" ? "bad" : "idle");

function rankCells(rows, suspects) {
  const shown = rows.slice(0, kMostCells);
  const cells = shown.map((row, at) => {
    const cell = svg("rect", { class: "rank-cell", "data-tone": toneOf(row, suspects), width: 12, height: 12, rx: 3,
      x: 10 + (at % 10) * 15, y: 42 + Math.floor(at / 10) * 15 });
    const title = svg("title");
    title.textContent = `rank ${row.rank}: ${row.phase || row.state}`;
    cell.append(title);
    return cell;
  });
  if (rows.length > shown.length) cells.push(text(`and ${rows.length - shown.length} more`, { class: "small", x: 10, y: 106 }));
  return cells;
}

function nodeBox(node, rows, x, y, suspects) {
  return svg("g", { transform: `translate(${x},${y})`, class: "node-box", "data-state": node.state }, [
    svg("rect", { width: kNode.width, height: kNode.height, rx: 9 }),
    text(node.name, { class: "name", x: 10, y: 20 }),
    text(`${node.state} · ${rows.length} rank${rows.length === 1 ? "" : "s"}${node.gpus ? ` · ${node.gpus} GPUs` : ""}`, { class: "small", x: 10, y: 35 }),
    ...rankCells(rows, suspects),
  ]);
}

const loadOf = (traffic, usual) => (traffic <= 0 ? 0 : traffic <= 1.25 * usual ? 1 : traffic <= 2 * usual ? 2 : 3);

function link(x, top, bottom, traffic, { most, usual }) {
  const share = most > 0 ? traffic / most : 0;
  const label = traffic > 0 ? `${format.significant(traffic)} MiB/s` : "idle";
  return [
    svg("line", { class: "wire", "data-load": loadOf(traffic, usual), x1: x, x2: x, y1: top, y2: bottom,
      "stroke-width": 2 + 5 * share }),
    text(label, { class: "small", x: x + 9, y: (top + bottom) / 2 + 4 }),
  ];
}

export function showTopology(figure, nodes, rows, suspects) {
  if (nodes.length === 0) return figure.replaceChildren(element("p", { className: "empty", text: "no node is up" }));
  const across = Math.max(1, Math.min(nodes.length, Math.floor((figure.clientWidth - 20) / (kNode.width + kNode.gap))));
  const lines = Math.ceil(nodes.length / across);
  const high = kNode.height + 66;
  const width = across * (kNode.width + kNode.gap);
  const byNode = new Map(nodes.map((node) => [node.name, rows.filter((row) => row.node === node.name)]));
  const traffic = new Map([...byNode].map(([name, own]) => [name, trafficOf(own)]));
  const scale = { most: Math.max(...traffic.values()), usual: median([...traffic.values()].filter((one) => one > 0)) };
  const parts = [];
  nodes.forEach((node, at) => {
    const x = (at % across) * (kNode.width + kNode.gap) + kNode.gap / 2;
    const line = Math.floor(at / across);
    const y = line * high + 54;
    parts.push(...link(x + kNode.width / 2, line * high + 18, y, traffic.get(node.name), scale));
    parts.push(nodeBox(node, byNode.get(node.name), x, y, suspects));
  });
  for (let line = 0; line < lines; line += 1) {
    parts.push(svg("rect", { class: "switch", x: 4, y: line * high + 6, width: width - 8, height: 12, rx: 6 }));
  }
  const summary = nodes.map((node) => `${node.name} ${node.state}, ${byNode.get(node.name).length} ranks`).join("; ");
  figure.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${lines * high + 4}`, width, role: "img", "aria-label": summary }, parts));
}
