// Ranks over time: a row a rank (of many ranks, a row a group, which shows its highest), a column a second.
import { median } from "./ranks.js";

const kColumns = 180;
const kMostRows = 48;
const kLabels = 64;   // pixels
const kRowHeight = { least: 7, most: 18 };

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class HeatMap {
  constructor(canvas, note, legend, onZoom) {
    Object.assign(this, { canvas, note, legend, onZoom, metric: "busy_ms", columns: [], first: 0, count: 0, run: null });
    this.cursor = 0;
    new ResizeObserver(() => this.draw()).observe(canvas.parentElement);
    canvas.addEventListener("click", (event) => this.zoomTo(this.rowAt(event.offsetY)));
    canvas.addEventListener("mousemove", (event) => this.point(this.rowAt(event.offsetY)));
    canvas.addEventListener("keydown", (event) => this.onKey(event));
  }

  onKey(event) {
    const stride = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (stride) this.point(Math.max(0, Math.min(this.rows - 1, this.cursor + stride)));
    else if (event.key === "Enter") this.zoomTo(this.cursor);
    else if (event.key === "Escape") this.showAll();
    else return;
    event.preventDefault();
  }

  begin(run, rows) {
    if (run !== this.run) Object.assign(this, { run, columns: [], first: 0, count: rows.length });
    if (rows.length !== this.total) Object.assign(this, { total: rows.length, first: 0, count: rows.length });
  }

  // Once a second what all ranks of the run do.
  add(run, rows, now) {
    this.begin(run, rows);
    const last = this.columns[this.columns.length - 1];
    if (last && now - last.time < 0.95) return;
    this.columns.push(this.column(rows, now));
    if (this.columns.length > kColumns) this.columns.shift();
  }

  // What they did before the first column that is known.
  fill(run, past) {
    const known = past.filter(({ rows }) => rows.some((row) => row.step_ms > 0));
    if (known.length === 0) return;
    this.begin(run, known[0].rows);
    const until = this.columns[0]?.time ?? Infinity;
    const before = known.filter(({ time }) => time < until - 0.5).map(({ rows, time }) => this.column(rows, time));
    this.columns = [...before, ...this.columns].slice(-kColumns);
  }

  column(rows, time) {
    return { time, busy_ms: this.relative(rows, "busy_ms"), exposed_ms: this.share(rows, "exposed_ms"),
      straggler_ms: this.share(rows, "straggler_ms") };
  }

  // 1 is the median rank's time; 0.5 of colour is twice of it.
  relative(rows, name) {
    const usual = median(rows.map((row) => row[name]));
    return rows.map((row) => (usual > 0 && row[name] > 0 ? Math.max(0, row[name] / usual - 1) : NaN));
  }

  share(rows, name) {
    return rows.map((row) => (row.step_ms > 0 ? Math.max(0, row[name] ?? 0) / row.step_ms : NaN));
  }

  get group() { return Math.max(1, Math.ceil(this.count / kMostRows)); }
  get rows() { return Math.ceil(this.count / this.group); }

  rowAt(y) { return Math.max(0, Math.min(this.rows - 1, Math.floor((y - 2) / this.rowHeight))); }

  point(row) {
    this.cursor = row;
    this.draw();
  }

  zoomTo(row) {
    if (this.group === 1) return;
    this.first += row * this.group;
    this.count = Math.min(this.group, this.total - this.first);
    this.cursor = 0;
    this.onZoom(this.count < this.total);
    this.draw();
  }

  showAll() {
    Object.assign(this, { first: 0, count: this.total, cursor: 0 });
    this.onZoom(false);
    this.draw();
  }

  nameOf(row) {
    const from = this.first + row * this.group;
    const to = Math.min(from + this.group, this.first + this.count) - 1;
    return from === to ? `${from}` : `${from}–${to}`;
  }

  draw() {
    const width = this.canvas.parentElement.clientWidth;
    if (!this.count || width < 100) return;
    this.rowHeight = Math.max(kRowHeight.least, Math.min(kRowHeight.most, Math.floor(360 / this.rows)));
    const height = this.rows * this.rowHeight + 20;
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    this.canvas.style.height = `${height}px`;
    this.canvas.dataset.columns = String(this.columns.length);
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    this.drawCells(context, width);
    this.drawLabels(context, width, height);
    this.say();
  }

  drawCells(context, width) {
    const cell = (width - kLabels - 8) / kColumns;
    const scale = this.scale();
    this.columns.forEach((column, at) => {
      const x = kLabels + (kColumns - this.columns.length + at) * cell;
      for (let row = 0; row < this.rows; row += 1) {
        const value = this.valueOf(column, row);
        context.fillStyle = Number.isFinite(value) ? scale(Math.min(1, value)) : style("--sunken");
        context.fillRect(x, 2 + row * this.rowHeight, Math.ceil(cell), this.rowHeight - 1);
      }
    });
  }

  valueOf(column, row) {
    const from = this.first + row * this.group;
    const values = column[this.metric].slice(from, Math.min(from + this.group, this.first + this.count));
    return Math.max(...values.filter(Number.isFinite), -Infinity);
  }

  scale() {
    return d3.scale.linear().domain([0, 0.15, 0.5, 1]).interpolate(d3.interpolateLab)
      .range([style("--heat-0"), style("--heat-1"), style("--heat-2"), style("--heat-3")]);
  }

  drawLabels(context, width, height) {
    const every = Math.max(1, Math.ceil(12 / this.rowHeight));
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = style("--muted");
    context.textAlign = "right";
    for (let row = 0; row < this.rows; row += every) {
      context.fillText(this.nameOf(row), kLabels - 7, 2 + row * this.rowHeight + Math.min(this.rowHeight - 3, 11));
    }
    context.textAlign = "left";
    context.fillText(`${kColumns / 60} minutes ago`, kLabels, height - 4);
    context.textAlign = "right";
    context.fillText("now", width - 8, height - 4);
    context.strokeStyle = style("--accent");
    context.strokeRect(kLabels - 1, 1 + this.cursor * this.rowHeight, width - kLabels - 6, this.rowHeight);
  }

  say() {
    const last = this.columns[this.columns.length - 1];
    if (!last) return;
    const value = this.valueOf(last, this.cursor);
    const name = this.nameOf(this.cursor).includes("–") ? "ranks" : "rank";
    const text = !Number.isFinite(value) ? "no step yet" : this.metric === "busy_ms"
      ? `${Math.round(value * 100)} % above the median` : `${Math.round(value * 100)} % of the step`;
    const hint = this.group > 1 ? " · click or Enter looks inside" : "";
    this.note.textContent = `${name} ${this.nameOf(this.cursor)}: ${text}${hint}`;
    if (this.legend.childElementCount) return;
    for (const share of ["0 %", "15 %", "50 %", "100 %"]) {
      const mark = document.createElement("i");
      mark.className = `heat-${this.legend.childElementCount}`;
      mark.textContent = share;
      this.legend.append(mark);
    }
  }
}
