// The lists of the page: nodes, runs, ranks and where they are. Text goes in by textContent only.
import * as format from "./format.js";
import { placesOf, spans } from "./ranks.js";

const tones = {
  up: "ok", draining: "warn", running: "busy", succeeded: "ok", done: "ok", starting: "warn", queued: "warn", stopping: "warn",
  failed: "bad", lost: "bad", down: "idle", cancelled: "idle", exited: "idle",
};

export const toneOf = (state) => tones[state] ?? "idle";

export function element(tag, { className, text, ...attributes } = {}, children = []) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export const pill = (state) => element("span", { className: "pill", text: state, "data-tone": toneOf(state) });

const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

export function setPill(target, state) {
  target.textContent = state;
  target.dataset.tone = toneOf(state);
}

const kMostNodes = 48;

function nodeCard(node, now, action) {
  return element("li", { className: "node", "data-tone": toneOf(node.state), "data-node": node.name }, [
    element("span", { className: "node-name", text: node.name, title: node.host }),
    pill(node.state),
    element("span", { className: "node-facts", text: `${plural(node.ranks, "rank")} · ${plural(node.gpus, "GPU")}` }),
    element("span", { className: "node-seen", text: `seen ${format.ago(node.last_seen, now)}` }),
    ...(action ? [action(node)] : []),
  ]);
}

// Those that are not up first, because of many only some are shown. action: node → a button, or nothing.
export function showNodes(list, nodes, now, action) {
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("li").dataset.node : undefined;
  const sorted = [...nodes].sort((a, b) => (a.state === "up") - (b.state === "up"));
  const shown = (nodes.length > kMostNodes ? sorted.slice(0, kMostNodes) : nodes).map((node) => nodeCard(node, now, action));
  const more = nodes.length - shown.length;
  list.replaceChildren(...shown, ...(more > 0 ? [element("li", { className: "node", text: `and ${more} more` })] : []));
  if (focused) list.querySelector(`[data-node="${CSS.escape(focused)}"] button`)?.focus();
}

export function head(columns) {
  const cells = columns.map(([text, className]) => element("th", { text, className, scope: "col" }));
  return element("thead", {}, [element("tr", {}, cells)]);
}

export const cell = (text, className) => element("td", { text, className });

function reasonOf(run) {
  if (run.reason) return run.reason;
  return run.exit_code ? `exit code ${run.exit_code}` : "";
}

const runColumns = [
  ["", "check"], ["Run"], ["Name"], ["Status"], ["Ranks", "number"], ["Nodes", "number"], ["Step", "number"], ["Loss", "number"],
  ["Tokens/s", "number"], ["Elapsed", "number"], ["Left", "number"], ["Why it ended"],
];

// "640 / 5 000", or "640" when the end is not known.
export function stepText({ step, total_steps: total }, between = "/") {
  if (step === null) return "–";
  return total ? `${format.integer(step)} ${between} ${format.integer(total)}` : format.integer(step);
}

function checkBox(run, { compared, onCompare }) {
  const box = element("input", { type: "checkbox", "aria-label": `compare run ${run.run_id}` });
  box.checked = compared.includes(run.run_id);
  box.addEventListener("click", (event) => event.stopPropagation());
  box.addEventListener("change", () => onCompare(run.run_id, box.checked));
  return box;
}

function runRow(run, now, choices) {
  const isSelected = run.run_id === choices.selected;
  const label = `show run ${run.run_id}`;
  const pick = element("button", { className: "pick", text: run.run_id, type: "button", "aria-label": label });
  const row = element("tr", { "aria-current": String(isSelected), "data-run": run.run_id }, [
    element("td", { className: "check" }, [checkBox(run, choices)]),
    element("td", {}, [pick]),
    cell(run.name),
    element("td", {}, [pill(run.status)]),
    cell(String(run.ranks), "number"),
    cell(String(run.nodes.length), "number"),
    cell(stepText(run.insight), "number"),
    cell(format.loss(run.metrics.loss), "number"),
    cell(format.count(run.metrics.tokens_per_s ?? run.metrics.items_per_s), "number"),
    cell(format.duration(run.started === null ? undefined : (run.ended ?? now) - run.started), "number"),
    cell(run.ended ? "–" : format.duration(run.insight.remaining ?? undefined), "number"),
    cell(reasonOf(run), "wide-text muted"),
  ]);
  row.addEventListener("click", () => choices.onSelect(run.run_id));
  return row;
}

// choices: {selected, compared, onSelect, onCompare}. Rows are rebuilt, so the keyboard's place is put back.
export function showRuns(table, runs, now, choices) {
  const place = document.activeElement;
  const focused = table.contains(place) ? { run: place.closest("tr")?.dataset.run, tag: place.tagName } : undefined;
  const rows = runs.map((run) => runRow(run, now, choices));
  table.replaceChildren(head(runColumns), element("tbody", {}, rows));
  if (focused) rows.find((row) => row.dataset.run === focused.run)?.querySelector(focused.tag)?.focus();
}

const placeColumns = [["Place"], ["Ranks", "number"], ["Which"], ["Longest there", "number"]];

// "all_reduce #41, 3 ranks, 0–2, 12 s": who waits, and who is waited for.
export function showPlaces(table, rows, suspects) {
  const places = placesOf(rows, suspects).slice(0, 12).map((place) => element("tr", { "data-suspect": String(place.hasSuspect) }, [
    element("td", {}, [element("span", { className: "pill", text: place.what, "data-tone": place.hasSuspect ? "bad" : place.tone })]),
    cell(String(place.ranks.length), "number"),
    cell(spans(place.ranks), "mono"),
    cell(place.seconds >= 1 ? format.duration(place.seconds) : "–", "number"),
  ]));
  table.replaceChildren(head(placeColumns), element("tbody", {}, places));
}

const rankColumns = [
  ["Rank", "number"], ["Node"], ["State"], ["Step", "number"], ["Step time", "number"], ["Computing", "number"],
  ["Exposed", "number"], ["Waits", "number"], ["Memory", "number"], ["Last collective"],
];
const kMostRanks = 64;

function collectiveText(last) {
  return last ? `#${last.sequence} ${last.op} ${format.short(format.bytes(last.bytes))}` : "–";
}

// What a rank does while it runs, how it ended once it has.
function statePill(row) {
  const text = row.exit_cause || (row.state === "running" && row.phase) || row.state;
  const tone = row.exit_cause && row.exit_cause !== "exited with 0" ? "bad" : toneOf(row.state);
  return element("span", { className: "pill", text, "data-tone": tone, title: (row.last_errors ?? []).join("\n") });
}

function rankRow(row, furthest, suspects) {
  const isLate = row.state === "running" && row.step !== null && furthest - row.step > 1;
  const behind = isLate ? ` (${row.step - furthest})` : "";
  const milliseconds = (value) => cell(format.milliseconds(value ?? undefined), "number");
  return element("tr", { "data-suspect": String(suspects.includes(row.rank)) }, [
    cell(String(row.rank), "number"),
    cell(row.node),
    element("td", {}, [statePill(row)]),
    cell(row.step === null ? "–" : `${format.integer(row.step)}${behind}`, isLate ? "number late" : "number"),
    milliseconds(row.step_ms), milliseconds(row.busy_ms || undefined), milliseconds(row.exposed_ms), milliseconds(row.straggler_ms),
    cell(row.memory_mib ? format.bytes(row.memory_mib * 2 ** 20) : "–", "number"),
    cell(collectiveText(row.collective), "mono"),
  ]);
}

// Suspects first, then by rank; of many the first ones, until the reader looks for others.
export function showRanks(table, note, rows, suspects, wanted) {
  const furthest = Math.max(0, ...rows.map((row) => row.step ?? 0));
  const words = wanted.toLowerCase();
  const found = rows.filter((row) => !words || String(row.rank) === words || `${row.node} ${row.state} ${row.phase}`.includes(words));
  const sorted = [...found].sort((a, b) => suspects.includes(b.rank) - suspects.includes(a.rank) || a.rank - b.rank);
  const shown = sorted.slice(0, kMostRanks);
  note.textContent = shown.length < rows.length ? `${shown.length} of ${rows.length} ranks` : "";
  table.replaceChildren(head(rankColumns), element("tbody", {}, shown.map((row) => rankRow(row, furthest, suspects))));
}
