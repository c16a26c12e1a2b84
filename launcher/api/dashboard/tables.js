// The lists of the page: nodes, runs, ranks, log. Text goes in by textContent only.
import * as format from "./format.js";

const tones = {
  up: "ok", running: "busy", succeeded: "ok", done: "ok", starting: "warn", queued: "warn", stopping: "warn",
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

export function showNodes(list, nodes, now) {
  list.replaceChildren(...nodes.map((node) => element("li", { className: "node", "data-tone": toneOf(node.state) }, [
    element("span", { className: "node-name", text: node.name, title: node.host }),
    pill(node.state),
    element("span", { className: "node-facts", text: `${plural(node.ranks, "rank")} · ${plural(node.gpus, "GPU")}` }),
    element("span", { className: "node-seen", text: `seen ${format.ago(node.last_seen, now)}` }),
  ])));
}

function head(columns) {
  const cells = columns.map(([text, className]) => element("th", { text, className, scope: "col" }));
  return element("thead", {}, [element("tr", {}, cells)]);
}

const cell = (text, className) => element("td", { text, className });

// The newest progress of a run: rank 0's when it has reported, else any rank's.
export function progressOf(run) {
  const reports = run.rank_views.filter((view) => view.status);
  return (reports.find((view) => view.rank === 0) ?? reports[0])?.status;
}

export const throughputOf = (metrics) => metrics.tokens_per_s ?? metrics.items_per_s ?? metrics.samples_per_s;

export function elapsedOf(run, now) {
  return run.started === null ? undefined : (run.ended ?? now) - run.started;
}

export function remainingOf(run) {
  const progress = progressOf(run);
  if (run.status !== "running" || !progress?.total_steps || !run.metrics.step_ms) return undefined;
  return ((progress.total_steps - progress.step) * run.metrics.step_ms) / 1000;
}

function reasonOf(run) {
  if (run.reason) return run.reason;
  return run.exit_code ? `exit code ${run.exit_code}` : "";
}

const runColumns = [
  ["Run"], ["Name"], ["Status"], ["Ranks", "number"], ["Nodes", "number"], ["Step", "number"], ["Loss", "number"],
  ["Tokens/s", "number"], ["Elapsed", "number"], ["Left", "number"], ["Why it ended"],
];

// "640 / 5 000", or "640" when the end is not known.
export function stepText(progress, between = "/") {
  if (!progress) return "–";
  const step = format.integer(progress.step);
  return progress.total_steps ? `${step} ${between} ${format.integer(progress.total_steps)}` : step;
}

function runRow(run, isSelected, now, onSelect) {
  const label = `show run ${run.run_id}`;
  const pick = element("button", { className: "pick", text: run.run_id, type: "button", "aria-label": label });
  const row = element("tr", { "aria-current": String(isSelected), "data-run": run.run_id }, [
    element("td", {}, [pick]),
    cell(run.name),
    element("td", {}, [pill(run.status)]),
    cell(String(run.ranks), "number"),
    cell(String(run.nodes.length), "number"),
    cell(stepText(progressOf(run)), "number"),
    cell(format.loss(run.metrics.loss), "number"),
    cell(format.count(throughputOf(run.metrics)), "number"),
    cell(format.duration(elapsedOf(run, now)), "number"),
    cell(format.duration(remainingOf(run)), "number"),
    cell(reasonOf(run), "wide-text muted"),
  ]);
  row.addEventListener("click", () => onSelect(run.run_id));
  return row;
}

// Rows are rebuilt, so the keyboard's place is put back to the run it was on.
export function showRuns(table, runs, selected, now, onSelect) {
  const place = document.activeElement;
  const focused = table.contains(place) ? place.closest("tr")?.dataset.run : undefined;
  const rows = runs.map((run) => runRow(run, run.run_id === selected, now, onSelect));
  table.replaceChildren(head(runColumns), element("tbody", {}, rows));
  if (focused) rows.find((row) => row.dataset.run === focused)?.querySelector("button").focus();
}

const rankColumns = [
  ["Rank", "number"], ["Node"], ["State"], ["Step", "number"], ["Step time", "number"], ["Exposed", "number"],
  ["Last collective"],
];

function collectiveText(status) {
  const last = status?.collective;
  return last ? `#${last.sequence} ${last.op} ${format.short(format.bytes(last.bytes))}` : "–";
}

// What a rank does while it runs, how it ended once it has.
function statePill(view) {
  const text = view.exit_cause || (view.state === "running" && view.status?.phase) || view.state;
  const ended = view.exit_code === null ? toneOf(view.state) : view.exit_code === 0 ? "ok" : "bad";
  return element("span", { className: "pill", text, "data-tone": ended, title: (view.last_errors ?? []).join("\n") });
}

function rankRow(view, furthest) {
  const status = view.status;
  const isLate = view.state === "running" && status && furthest - status.step > 1;
  const behind = isLate ? ` (${status.step - furthest})` : "";
  return element("tr", {}, [
    cell(String(view.rank), "number"),
    cell(view.node),
    element("td", {}, [statePill(view)]),
    cell(status ? `${format.integer(status.step)}${behind}` : "–", isLate ? "number late" : "number"),
    cell(format.milliseconds(status?.metrics.step_ms), "number"),
    cell(format.milliseconds(status?.metrics.exposed_comm_ms), "number"),
    cell(collectiveText(status), "mono"),
  ]);
}

export function showRanks(table, views) {
  const furthest = Math.max(0, ...views.map((view) => view.status?.step ?? 0));
  table.replaceChildren(head(rankColumns), element("tbody", {}, views.map((view) => rankRow(view, furthest))));
}

// Follows the newest line unless the reader has scrolled up.
export function showLog(target, lines) {
  if (target.dataset.last === lines.join("\n")) return;
  target.dataset.last = lines.join("\n");
  const isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
  target.replaceChildren(...lines.flatMap((line) => {
    const [, prefix, rest] = /^(\[[^\]\s]{1,24}\] ?)?([\s\S]*)$/.exec(line);
    return [...(prefix ? [element("span", { className: "prefix", text: prefix })] : []), `${rest}\n`];
  }));
  if (isAtEnd) target.scrollTop = target.scrollHeight;
}
