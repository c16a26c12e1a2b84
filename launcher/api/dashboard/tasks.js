// What goes on at the Dask face: progress by kind of task, workers, and the stream of runs of tasks.
import { element, cell, head } from "./tables.js";
import * as format from "./format.js";

const states = ["memory", "processing", "queued", "waiting", "released", "erred"];

function progressRow(prefix) {
  const total = states.reduce((sum, state) => sum + prefix.states[state], 0);
  const track = element("span", { className: "track" }, states.filter((state) => prefix.states[state]).map((state) => {
    const part = element("span", { className: `part state-${state}`, title: `${prefix.states[state]} ${state}` });
    part.style.width = `${(100 * prefix.states[state]) / total}%`;
    return part;
  }));
  const done = prefix.states.memory + prefix.states.released;
  const took = prefix.seconds >= 0 ? `, ${format.milliseconds(prefix.seconds * 1000)} each` : "";
  const erred = prefix.states.erred ? `, ${prefix.states.erred} erred` : "";
  const text = `${format.integer(done)} of ${format.integer(total)}${erred}${took}`;
  return element("div", { className: "bar-row" }, [element("span", { text: prefix.name, title: prefix.name }), track, element("b", { text })]);
}

export function showProgress(box, board) {
  const legend = element("p", { className: "legend" }, states.map((state) =>
    element("span", { className: "key" }, [element("i", { className: `swatch state-${state}` }), `${board.totals[state]} ${state}`])));
  const busiest = [...board.prefixes].sort((a, b) => b.states.processing - a.states.processing || a.name.localeCompare(b.name));
  box.replaceChildren(...(board.prefixes.length ? [legend] : []), ...busiest.slice(0, 40).map(progressRow));
}

const columns = [["Worker"], ["Status"], ["Threads", "number"], ["CPU", "number"], ["Memory", "number"], ["Limit", "number"],
  ["Processing", "number"], ["In memory", "number"], ["Results", "number"], ["Heard", "number"]];

export function showWorkers(table, board, now) {
  const rows = board.workers.slice(0, 400).map((worker) => element("tr", {}, [
    cell(worker.name), cell(worker.status), cell(String(worker.threads), "number"), cell(`${Math.round(worker.cpu)} %`, "number"),
    cell(format.bytes(worker.memory), "number"), cell(worker.memory_limit ? format.bytes(worker.memory_limit) : "none", "number"),
    cell(format.integer(worker.processing), "number"), cell(format.integer(worker.in_memory), "number"),
    cell(format.bytes(worker.held_bytes), "number"), cell(format.ago(worker.last_seen, now), "number"),
  ]));
  const none = element("tr", {}, [element("td", { className: "muted", colspan: columns.length, text: "no worker is connected" })]);
  table.replaceChildren(head(columns), element("tbody", {}, rows.length ? rows : [none]));
}
