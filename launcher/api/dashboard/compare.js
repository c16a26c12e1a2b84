// Runs side by side: one chart of their losses, one table of their last figures.
import { LineChart } from "./charts.js";
import { cell, element, head } from "./tables.js";
import * as format from "./format.js";

export const kMostCompared = 5;

const figures = [
  ["Status", (run) => run.status],
  ["Ranks", (run) => String(run.ranks)],
  ["Nodes", (run) => String(run.nodes.length)],
  ["Step", (run) => format.integer(run.insight.step ?? undefined)],
  ["Loss", (run) => format.loss(run.metrics.loss)],
  ["Validation loss", (run) => format.loss(run.metrics.val_loss)],
  ["Tokens/s", (run) => format.count(run.metrics.tokens_per_s)],
  ["Tokens/s a rank", (run) => format.count(run.metrics.tokens_per_s / run.ranks)],
  ["Step time", (run) => format.milliseconds(run.metrics.step_ms)],
  ["Efficiency", (run) => (run.insight.efficiency === null ? "–" : `${Math.round(run.insight.efficiency * 100)} %`)],
  ["Exposed communication", (run) => format.milliseconds(run.metrics.exposed_comm_ms)],
  ["Learning rate", (run) => format.significant(run.metrics.learning_rate)],
  ["Took", (run) => format.duration(run.started === null ? undefined : (run.ended ?? Date.now() / 1000) - run.started)],
  ["Command", (run) => format.command(run.command)],
];

export class Comparison {
  constructor(figure, table) {
    Object.assign(this, { figure, table, shown: "" });
  }

  // curves: run id → metric → points.
  show(runs, curves) {
    const names = runs.map((run) => run.run_id).join(" ");
    if (names !== this.shown) this.makeChart(runs);
    this.shown = names;
    this.chart.show(runs.map((run) => curves.get(run.run_id)?.get("loss") ?? []));
    const columns = [[""], ...runs.map((run) => [`${run.name} ${run.run_id}`, "number"])];
    const rows = figures.map(([name, of]) =>
      element("tr", {}, [element("th", { scope: "row", text: name }), ...runs.map((run) => cell(of(run), "number"))]));
    this.table.replaceChildren(head(columns), element("tbody", {}, rows));
  }

  makeChart(runs) {
    this.figure.replaceChildren();
    this.chart = new LineChart(this.figure, {
      title: "Loss",
      format: format.loss,
      tick: (value) => format.short(format.loss(value)),
      series: runs.map((run, at) => ({ metric: "loss", label: run.run_id, colour: `s${at + 1}`, smooth: true })),
    });
  }
}
