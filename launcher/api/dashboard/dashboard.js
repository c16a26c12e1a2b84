// The page: reads the stream of events, keeps what it says, draws it.
import { LineChart, shareCursor } from "./charts.js";
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
shareCursor(Object.values(charts));

const kMostPoints = 4000;
const kLogInterval = 1000;  // milliseconds
const kDrawInterval = 400;  // numbers that change more often cannot be read
const state = {
  snapshot: null,
  curves: new Map(),  // run id → metric → points
  pinned: null,       // the run that was picked
  shown: null,        // the run on the page
  lastLogAt: 0,
  isLogComplete: false,
  isDrawDue: false,
};

const now = () => Date.now() / 1000;
const runOf = (runId) => state.snapshot?.runs.find((run) => run.run_id === runId);

// The run that was picked, else the newest that runs, else the newest.
function selectedRun() {
  const runs = state.snapshot?.runs ?? [];
  return runOf(state.pinned) ?? runs.find((run) => run.status === "running") ?? runs[0];
}

// Curves are kept by run and metric, each by rising step; what the group or rank 0 says counts.
function addPoints(points) {
  for (const point of points) {
    if (point.rank > 0) continue;
    if (!state.curves.has(point.run_id)) state.curves.set(point.run_id, new Map());
    const curves = state.curves.get(point.run_id);
    for (const [metric, value] of Object.entries(point.metrics)) {
      if (Number.isFinite(value)) insert(curves, metric, { step: point.step, value });
    }
  }
}

function insert(curves, metric, point) {
  if (!curves.has(metric)) curves.set(metric, []);
  const curve = curves.get(metric);
  let at = curve.length;
  while (at > 0 && curve[at - 1].step > point.step) at -= 1;
  if (at > 0 && curve[at - 1].step === point.step) curve[at - 1] = point;
  else curve.splice(at, 0, point);
  if (curve.length > kMostPoints) curves.set(metric, curve.filter((_, index) => index % 2 === (curve.length - 1) % 2));
}

async function fetchJson(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

async function loadHistory(runId) {
  const { points } = await fetchJson(`/json/history?run=${encodeURIComponent(runId)}&limit=2000`);
  addPoints(points);
  drawSoon();
}

async function loadLog(run) {
  if (state.isLogComplete || performance.now() - state.lastLogAt < kLogInterval) return;
  state.lastLogAt = performance.now();
  const { lines } = await fetchJson(`/json/logs?run=${encodeURIComponent(run.run_id)}&lines=200`);
  if (state.shown !== run.run_id) return;
  state.isLogComplete = run.ended !== null;
  tables.showLog(byId("log"), lines.length ? lines : [run.ended === null ? "no output yet" : "no output"]);
}

function changeRun(run) {
  if (state.shown === run.run_id) return;
  Object.assign(state, { shown: run.run_id, lastLogAt: -kLogInterval, isLogComplete: false });
  byId("log").replaceChildren();
  loadHistory(run.run_id).catch(() => {});
}

function select(runId) {
  state.pinned = runId;
  history.replaceState(null, "", `#run=${encodeURIComponent(runId)}`);
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

function figure(label, value) {
  return tables.element("div", {}, [tables.element("dt", { text: label }), tables.element("dd", { text: value })]);
}

function drawHero(run) {
  const progress = tables.progressOf(run);
  const share = progress?.total_steps ? progress.step / progress.total_steps : run.status === "succeeded" ? 1 : 0;
  byId("run-title").replaceChildren(run.name, tables.element("small", { text: run.run_id }));
  tables.setPill(byId("run-status"), run.status);
  byId("run-command").textContent = format.command(run.command);
  byId("run-reason").hidden = run.status !== "failed" || !run.reason;
  byId("run-reason").textContent = run.reason;
  byId("run-progress").value = share;
  byId("run-progress").dataset.tone = tables.toneOf(run.status);
  byId("run-step").textContent = progress ? `step ${tables.stepText(progress, "of")}` : "no step reported";
  const metrics = run.metrics;
  byId("run-figures").replaceChildren(
    figure("Loss", format.loss(metrics.loss)),
    figure("Validation loss", format.loss(metrics.val_loss)),
    figure("Tokens/s", format.count(tables.throughputOf(metrics))),
    figure("Step time", format.milliseconds(metrics.step_ms)),
    figure("Exposed comm.", format.milliseconds(metrics.exposed_comm_ms)),
    figure("Elapsed", format.duration(tables.elapsedOf(run, now()))),
    figure("Left", format.duration(tables.remainingOf(run))),
  );
}

function drawCharts(run) {
  const curves = state.curves.get(run.run_id) ?? new Map();
  for (const chart of Object.values(charts)) chart.show(chart.series.map((one) => curves.get(one.metric) ?? []));
}

function drawRun(run) {
  byId("run").hidden = !run;
  if (!run) return;
  changeRun(run);
  drawHero(run);
  drawCharts(run);
  tables.showRanks(byId("ranks"), run.rank_views);
  loadLog(run).catch(() => {});
}

function titleOf(run) {
  if (!run) return "Trireme";
  const isTraining = run.status === "running" && run.metrics.loss !== undefined;
  const loss = isTraining ? `loss ${format.loss(run.metrics.loss)} · ` : "";
  return `${loss}${run.name} ${run.status} · Trireme`;
}

function draw() {
  state.isDrawDue = false;
  const { snapshot } = state;
  if (!snapshot || document.hidden) return;
  const run = selectedRun();
  drawHeader(snapshot);
  byId("nodes-empty").hidden = snapshot.nodes.length > 0;
  tables.showNodes(byId("nodes"), snapshot.nodes, now());
  drawRun(run);
  byId("runs-empty").hidden = snapshot.runs.length > 0;
  byId("runs-table").hidden = snapshot.runs.length === 0;
  tables.showRuns(byId("runs-table"), snapshot.runs, run?.run_id, now(), select);
  document.title = titleOf(run);
}

function drawSoon() {
  if (state.isDrawDue) return;
  state.isDrawDue = true;
  setTimeout(() => requestAnimationFrame(draw), state.shown ? kDrawInterval : 0);
}

function setLink(text, tone) {
  byId("link").textContent = text;
  byId("link").dataset.tone = tone;
}

function follow() {
  const events = new EventSource("/events");
  events.addEventListener("open", () => {
    setLink("live", "ok");
    if (state.shown) loadHistory(state.shown).catch(() => {});
  });
  events.addEventListener("error", () => setLink("reconnecting", "bad"));
  events.addEventListener("snapshot", (event) => {
    state.snapshot = JSON.parse(event.data);
    drawSoon();
  });
  events.addEventListener("metrics", (event) => {
    addPoints(JSON.parse(event.data));
    drawSoon();
  });
}

state.pinned = new URLSearchParams(location.hash.slice(1)).get("run");
document.addEventListener("visibilitychange", draw);
setInterval(drawSoon, 1000);
follow();
