// What ranks do, as rows: {rank, node, state, exit_cause, phase, step, heard, progressed, busy_ms, step_ms, exposed_ms,
// straggler_ms, memory_mib, state_mib, traffic_mib, collective: {op, sequence, bytes, running, seconds} or null}.
// heard and progressed are seconds ago.

const numbers = ["step", "heard", "progressed", "busy_ms", "step_ms", "exposed_ms", "straggler_ms", "memory_mib",
  "state_mib", "traffic_mib"];

// From the event `ranks`: a list for each property.
export function rowsOfColumns(columns) {
  const text = (column, at) => column.names[column.index[at]];
  return Array.from({ length: columns.ranks }, (_, rank) => {
    const row = { rank };
    for (const name of ["node", "state", "exit_cause", "phase"]) row[name] = text(columns[name], rank);
    for (const name of numbers) row[name] = columns[name][rank];
    const { op, sequence, bytes, running, seconds } = columns.collective;
    row.collective = sequence[rank] === null ? null : {
      op: text(op, rank), sequence: sequence[rank], bytes: bytes[rank], running: running[rank], seconds: seconds[rank],
    };
    return row;
  });
}

// From /json/run, for runs that have ended.
export function rowsOfViews(views) {
  return views.map((view) => {
    const metrics = view.status?.metrics ?? {};
    return {
      rank: view.rank, node: view.node, state: view.state, exit_cause: view.exit_cause, last_errors: view.last_errors,
      phase: view.status?.phase ?? "", step: view.status?.step ?? null, heard: null, progressed: null,
      busy_ms: view.busy_ms, step_ms: metrics.step_ms ?? null, exposed_ms: metrics.exposed_comm_ms ?? null,
      straggler_ms: metrics.straggler_ms ?? null, memory_mib: metrics.memory_mib ?? null,
      state_mib: metrics.model_state_mib ?? null, traffic_mib: metrics.reduced_mib ?? null,
      collective: view.status?.collective ?? null,
    };
  });
}

export function median(values) {
  const known = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  return known.length ? known[Math.floor(known.length / 2)] : undefined;
}

// [0, 1, 2, 5] → "0–2, 5"
export function spans(list) {
  const parts = [];
  for (const number of [...list].sort((a, b) => a - b)) {
    const last = parts[parts.length - 1];
    if (last && last[1] === number - 1) last[1] = number;
    else parts.push([number, number]);
  }
  const texts = parts.map(([from, to]) => (from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`));
  return texts.length > 8 ? `${texts.slice(0, 8).join(", ")} …` : texts.join(", ");
}

// Ranks that are in the same place, the most numerous first: [{what, ranks, seconds, tone}].
export function placesOf(rows, suspects) {
  const places = new Map();
  for (const row of rows) {
    const { what, tone } = placeOf(row);
    if (!places.has(what)) places.set(what, { what, tone, ranks: [], seconds: 0, hasSuspect: false });
    const place = places.get(what);
    place.ranks.push(row.rank);
    place.seconds = Math.max(place.seconds, secondsInPlace(row));
    place.hasSuspect ||= suspects.includes(row.rank);
  }
  return [...places.values()].sort((a, b) => b.hasSuspect - a.hasSuspect || b.ranks.length - a.ranks.length);
}

function placeOf(row) {
  if (row.state === "lost" || (row.state === "exited" && row.exit_cause)) return { what: row.exit_cause || row.state, tone: "bad" };
  if (row.state !== "running") return { what: row.state, tone: "idle" };
  if (row.heard !== null && row.heard > 4) return { what: "says nothing", tone: "bad" };
  const last = row.collective;
  if (!last) return { what: row.phase || "has reported no collective", tone: "idle" };
  if (last.running) return { what: `in ${last.op} #${last.sequence}`, tone: "busy" };
  return { what: `computing after ${last.op} #${last.sequence}`, tone: "ok" };
}

function secondsInPlace(row) {
  if (row.heard !== null && row.heard > 4) return row.heard;
  return (row.collective?.seconds ?? 0) + (row.heard ?? 0);
}
