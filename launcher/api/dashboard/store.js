// What the stream of events has said so far.
import { rowsOfColumns, rowsOfViews } from "./ranks.js";

const kMostPoints = 4000;

export const state = {
  snapshot: null,
  rows: new Map(),    // run id → rows of its ranks
  curves: new Map(),  // run id → metric → points by rising step
  board: null,        // of the Dask face
  pinned: null,       // the run that was picked
  compared: [],       // run ids
};

export const runOf = (runId) => state.snapshot?.runs.find((run) => run.run_id === runId);

// The run that was picked, else the newest that runs, else the newest.
export function selectedRun() {
  const runs = state.snapshot?.runs ?? [];
  return runOf(state.pinned) ?? runs.find((run) => run.status === "running") ?? runs[0];
}

// Curves are kept by run and metric, each by rising step; what the group or rank 0 says counts.
export function addPoints(points) {
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

export function addRanks(runs) {
  for (const columns of runs) state.rows.set(columns.run_id, rowsOfColumns(columns));
}

async function fetchJson(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

const query = (runId) => `run=${encodeURIComponent(runId)}`;

export async function loadHistory(runId) {
  addPoints((await fetchJson(`/json/history?${query(runId)}&limit=2000`)).points);
}

const kMostFilled = 256;  // ranks whose past is asked for

// What all ranks of a run did in the last minutes, oldest first: [{time, rows: [{busy_ms, step_ms, exposed_ms, straggler_ms}]}].
export async function loadRecent(runId, ranks) {
  if (ranks > kMostFilled) return [];
  const parts = [];
  for (let known = 0; known < ranks; known += parts.at(-1).step_ms.length) {
    const part = await fetchJson(`/json/recent?${query(runId)}${known ? `&first=${known}` : ""}`);
    if (part.step_ms.length === 0) return [];
    parts.push(part);
  }
  return columnsOf(parts);
}

function columnsOf(parts) {
  const { begin, step_ms: [one] } = parts[0];
  const rowsAt = (part, at) => part.step_ms.map((steps, rank) => {
    const [step_ms, exposed_ms, straggler_ms] = [steps[at], part.exposed_ms[rank][at], part.straggler_ms[rank][at]];
    return { step_ms, exposed_ms, straggler_ms, busy_ms: Math.max(0, step_ms - exposed_ms - straggler_ms) };
  });
  return one.map((_, at) => ({ time: begin + at + 1, rows: parts.flatMap((part) => rowsAt(part, at)) }));
}

// The ranks of a run that has ended; of others the stream tells.
export async function loadRanks(runId) {
  state.rows.set(runId, rowsOfViews((await fetchJson(`/json/run?${query(runId)}`)).rank_views));
}

export const loadLines = async (runId, lines) => (await fetchJson(`/json/logs?${query(runId)}&lines=${lines}`)).lines;
