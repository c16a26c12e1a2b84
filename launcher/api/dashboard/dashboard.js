// The page: reads the stream of events and draws the view that the address names.
import { listenToScale, listenToSubmit, nodeAction, showRunActions } from "./actions.js";
import { LineChart, share } from "./charts.js";
import { Comparison, kMostCompared } from "./compare.js";
import { HeatMap } from "./heatmap.js";
import { showFound, showLines } from "./log.js";
import { showMemory } from "./memory.js";
import { addPoints, addRanks, loadHistory, loadLines, loadRanks, loadRecent, runOf, selectedRun, state } from "./store.js";
import { TaskStream } from "./task_stream.js";
import { showProgress, showWorkers } from "./tasks.js";
import { showTopology } from "./topology.js";
import { showFigures, showVerdict } from "./verdict.js";
import { currentView, followLinks, showView } from "./views.js";
import * as format from "./format.js";
import * as tables from "./tables.js";

const byId = (id) => document.getElementById(id);
const charts = {
  loss: new LineChart(byId("chart-loss"), {
    title: "Loss",
    format: format.loss,
    tick: (value) => format.short(format.loss(value)),
    series: [
      { metric: "loss", label: "training", colour: "s1", smooth: true },
      { metric: "val_loss", label: "validation", colour: "s2", dots: true },
    ],
  }),
  throughput: new LineChart(byId("chart-throughput"), {
    title: "Throughput",
    format: format.count,
    tick: (value) => format.short(format.count(value)),
    fromZero: true,
    series: [{ metric: "tokens_per_s", label: "tokens/s", colour: "s3", smooth: true }],
  }),
  time: new LineChart(byId("chart-time"), {
    title: "Time of a step",
    format: format.milliseconds,
    tick: (value) => format.short(format.milliseconds(value)),
    fromZero: true,
    series: [
      { metric: "step_ms", label: "step", colour: "s4", smooth: true },
      { metric: "exposed_comm_ms", label: "exposed", colour: "s5", smooth: true },
    ],
  }),
};
share(Object.values(charts), (range) => (byId("zoom-out").hidden = range === null));
const heat = new HeatMap(byId("heat"), byId("heat-note"), byId("heat-legend"), (isInside) => (byId("heat-all").hidden = !isInside));
const stream = new TaskStream(byId("stream"), byId("stream-note"));
const comparison = new Comparison(byId("chart-compare"), byId("compare-table"));

const kLogInterval = 1000;  // milliseconds
const kDrawInterval = 200;
const kWholeInterval = 400;  // curves, maps and tables cost most; state and step of the run come in between
const kGather = 20;          // for events that come together
const page = { shown: null, shownStatus: null, logAt: 0, isLogComplete: false, lines: [], isDrawDue: false, drawnAt: 0, wholeAt: -kWholeInterval };

const now = () => Date.now() / 1000;
const rowsOf = (run) => state.rows.get(run.run_id) ?? [];

async function loadLog(run, view) {
  if (page.isLogComplete || performance.now() - page.logAt < kLogInterval) return;
  page.logAt = performance.now();
  const lines = await loadLines(run.run_id, view === "logs" ? 2000 : 200);
  if (page.shown !== run.run_id) return;
  page.isLogComplete = run.ended !== null;
  page.lines = lines;
  drawLog(run);
}

function drawLog(run) {
  const none = [run.ended === null ? "no output yet" : "no output"];
  showLines(byId("tail"), page.lines.length ? page.lines.slice(-200) : none);
  showFound(byId("log"), byId("log-note"), page.lines, byId("log-find").value, byId("log-rank").value);
}

function changeRun(run) {
  const isEnded = run.ended !== null && page.shownStatus !== run.status;
  if (page.shown === run.run_id && !isEnded) return;
  Object.assign(page, { logAt: -kLogInterval, isLogComplete: false, lines: page.shown === run.run_id ? page.lines : [] });
  Object.assign(page, { shown: run.run_id, shownStatus: run.status });
  Object.values(charts).forEach((chart) => (chart.range = null));
  loadHistory(run.run_id).then(drawSoon, () => {});
  loadRecent(run.run_id, run.ranks).then((past) => fillHeat(run.run_id, past), () => {});
  if (run.ended !== null) loadRanks(run.run_id).then(drawSoon, () => {});
}

function fillHeat(runId, past) {
  if (page.shown !== runId) return;
  heat.fill(runId, past);
  drawSoon();
}

function select(runId) {
  state.pinned = runId;
  history.replaceState(null, "", `#run=${encodeURIComponent(runId)}`);
  draw();
}

function compare(runId, isWanted) {
  state.compared = [...state.compared.filter((other) => other !== runId), ...(isWanted ? [runId] : [])].slice(-kMostCompared);
  if (isWanted) loadHistory(runId).then(drawSoon, () => {});
  draw();
}

function drawHeader(snapshot) {
  byId("cluster-name").textContent = snapshot.name ? `${snapshot.name} · ${snapshot.provider}` : snapshot.provider;
  tables.setPill(byId("cluster-state"), snapshot.state);
  const up = snapshot.nodes.filter((node) => node.state === "up").length;
  const sum = (key) => snapshot.nodes.reduce((total, node) => total + node[key], 0);
  byId("fact-nodes").textContent = `${up} of ${snapshot.nodes.length}`;
  byId("fact-ranks").textContent = sum("ranks");
  byId("fact-gpus").textContent = sum("gpus");
  byId("fact-uptime").textContent = snapshot.started ? format.duration(now() - snapshot.started) : "–";
  byId("fact-dask").textContent = `${snapshot.host}:${snapshot.ports.dask}`;
}

function drawHero(run, provider) {
  const { step, total_steps: total } = run.insight;
  byId("run-title").replaceChildren(run.name, tables.element("small", { text: run.run_id }));
  tables.setPill(byId("run-status"), run.status);
  byId("run-command").textContent = format.command(run.command);
  showRunActions(byId("run-actions"), run);
  showVerdict(byId("verdict"), run);
  byId("run-progress").value = total ? step / total : run.status === "succeeded" ? 1 : 0;
  byId("run-progress").dataset.tone = tables.toneOf(run.status);
  byId("run-step").textContent = step === null ? "no step reported" : `step ${tables.stepText(run.insight, "of")}`;
  showFigures(byId("run-figures"), run, provider, now());
}

function drawCharts(run) {
  const curves = state.curves.get(run.run_id) ?? new Map();
  for (const chart of Object.values(charts)) chart.show(chart.series.map((one) => curves.get(one.metric) ?? []));
}

function drawRanks(run) {
  const rows = rowsOf(run);
  const { suspects } = run.insight;
  if (run.ended === null && rows.some((row) => row.step !== null)) heat.add(run.run_id, rows, now());
  heat.draw();
  tables.showPlaces(byId("places"), rows, suspects);
  tables.showRanks(byId("ranks"), byId("ranks-note"), rows, suspects, byId("ranks-find").value);
}

const views = {
  status(run) {
    drawCharts(run);
    drawRanks(run);
  },
  ranks(run) {
    drawRanks(run);
    showMemory(byId("memory"), rowsOf(run));
  },
};

function drawRun(run, view, isWhole) {
  if (!run) return;
  changeRun(run);
  drawHero(run, state.snapshot.provider);
  if (!isWhole) return;
  views[view]?.(run);
  if (view === "logs" || view === "status") loadLog(run, view).catch(() => {});
}

function drawTasks() {
  const board = state.board ?? { clients: 0, totals: {}, workers: [], prefixes: [] };
  showProgress(byId("task-progress"), board);
  showWorkers(byId("workers"), board, now());
  byId("tasks-empty").hidden = board.prefixes.length > 0;
  const { host, ports } = state.snapshot;
  const address = ["tcp:", "", `${host}:${ports.dask}`].join("/");
  byId("dask-snippet").textContent = `from distributed import Client\nclient = Client("${address}")`;
  stream.draw(now());
}

function drawRuns(snapshot, run, view) {
  byId("runs-empty").hidden = snapshot.runs.length > 0;
  byId("runs-table").hidden = snapshot.runs.length === 0;
  const choices = { selected: run?.run_id, compared: state.compared, onSelect: select, onCompare: compare };
  tables.showRuns(byId("runs-table"), snapshot.runs, now(), choices);
  const compared = state.compared.map(runOf).filter(Boolean);
  byId("compare").dataset.off = compared.length ? "no" : "yes";
  if (view === "runs" && compared.length) comparison.show(compared, state.curves);
}

function titleOf(run) {
  if (!run) return "Trireme";
  const isTraining = run.status === "running" && run.metrics.loss !== undefined;
  const trouble = ["stalled", "slow rank"].includes(run.insight.condition) ? `${run.insight.condition} · ` : "";
  return `${trouble}${isTraining ? `loss ${format.loss(run.metrics.loss)} · ` : ""}${run.name} ${run.status} · Trireme`;
}

function draw() {
  page.wholeAt = performance.now();
  drawParts(true);
}

function drawDue() {
  if (performance.now() - page.wholeAt >= kWholeInterval - kGather) draw();
  else drawParts(false);
}

function drawParts(isWhole) {
  Object.assign(page, { isDrawDue: false, drawnAt: performance.now() });
  const { snapshot } = state;
  if (!snapshot || document.hidden) return;
  const run = selectedRun();
  const view = currentView();
  drawHeader(snapshot);
  if (isWhole) drawRuns(snapshot, run, view);
  showView(Boolean(run));
  byId("nodes-empty").hidden = snapshot.nodes.length > 0;
  tables.showNodes(byId("nodes"), snapshot.nodes, now(), view === "topology" ? nodeAction : undefined);
  drawRun(run, view, isWhole);
  document.title = titleOf(run);
  if (!isWhole) return;
  if (view === "topology") showTopology(byId("topology"), snapshot.nodes, run ? rowsOf(run) : [], run?.insight.suspects ?? []);
  if (view === "tasks") drawTasks();
}

function drawSoon() {
  if (page.isDrawDue) return;
  page.isDrawDue = true;
  const wait = Math.max(kGather, page.drawnAt + kDrawInterval - performance.now());
  setTimeout(() => requestAnimationFrame(drawDue), page.shown ? wait : 0);
}

function setLink(text, tone) {
  byId("link").textContent = text;
  byId("link").dataset.tone = tone;
}

// A page that is left may be kept for the way back; its stream would hold one of the browser's few connections.
function follow() {
  const events = new EventSource("/events");
  addEventListener("pagehide", () => events.close(), { once: true });
  const on = (kind, take) => events.addEventListener(kind, (event) => {
    take(JSON.parse(event.data));
    drawSoon();
  });
  events.addEventListener("open", () => {
    setLink("live", "ok");
    if (page.shown) loadHistory(page.shown).then(drawSoon, () => {});
  });
  events.addEventListener("error", () => setLink("reconnecting", "bad"));
  on("snapshot", (snapshot) => (state.snapshot = snapshot));
  on("ranks", addRanks);
  on("metrics", addPoints);
  on("tasks", (board) => (state.board = board));
  on("spans", (spans) => stream.add(spans));
}

function listen() {
  listenToSubmit(byId("submit"));
  listenToScale(byId("scale"));
  byId("smoothing").addEventListener("input", (event) => {
    for (const chart of Object.values(charts)) chart.setStrength(Number(event.target.value));
  });
  byId("zoom-out").addEventListener("click", () => charts.loss.onRange(null));
  byId("heat-metric").addEventListener("change", (event) => {
    heat.metric = event.target.value;
    heat.draw();
  });
  byId("heat-all").addEventListener("click", () => heat.showAll());
  for (const id of ["log-find", "log-rank", "ranks-find"]) {
    byId(id).addEventListener("input", () => {
      const run = selectedRun();
      if (run) drawLog(run);
      draw();
    });
  }
}

state.pinned = new URLSearchParams(location.hash.slice(1)).get("run");
document.addEventListener("visibilitychange", draw);
setInterval(drawSoon, 1000);
followLinks(() => {
  Object.assign(page, { logAt: -kLogInterval, isLogComplete: false });
  draw();
});
addEventListener("pageshow", (event) => event.persisted && follow());
listen();
follow();
