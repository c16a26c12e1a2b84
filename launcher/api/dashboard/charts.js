// Line charts over training steps, drawn with D3. One cursor moves through all charts of a group.

const margin = { top: 8, right: 14, bottom: 26, left: 54 };
const bisect = d3.bisector((point) => point.step).left;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

// A centred moving average, narrower at both ends: it shows the trend without lag. strength: 0 to 100; 40 reaches over
// about a thirtieth of the points.
function smoothed(points, strength) {
  const reach = Math.floor(Math.min(25, points.length / 60) * (strength / 40) ** 2);
  if (reach === 0) return points;
  const sums = [0];
  for (const point of points) sums.push(sums[sums.length - 1] + point.value);
  return points.map((point, at) => {
    const half = Math.min(reach, at, points.length - 1 - at);
    return { step: point.step, value: (sums[at + half + 1] - sums[at - half]) / (2 * half + 1) };
  });
}

function nearest(points, step) {
  if (points.length === 0) return undefined;
  const after = Math.min(points.length - 1, bisect(points, step));
  const before = Math.max(0, after - 1);
  return step - points[before].step < points[after].step - step ? points[before] : points[after];
}

// series: [{metric, label, colour: "s1", smooth: bool, dots: bool}]; format and tick: value → text, long and short;
// fromZero: the axis starts at 0.
export class LineChart {
  constructor(figure, { title, series, format, tick, fromZero = false }) {
    Object.assign(this, { figure, title, series, format, tick, fromZero });
    Object.assign(this, { data: [], curves: [], cursorStep: null, range: null, strength: 40 });
    Object.assign(this, { onCursor: () => {}, onRange: () => {} });
    const caption = make("figcaption");
    caption.append(make("span", "chart-title", title));
    this.values = series.map((one) => {
      const key = make("span", "key");
      const value = make("b", "", "–");
      key.append(make("span", `swatch ${one.colour}`), make("span", "", one.label), value);
      caption.append(key);
      return value;
    });
    figure.append(caption);
    this.svg = d3.select(figure).append("svg").attr({ role: "img", tabindex: 0 });
    this.svg.append("title");
    this.grid = this.svg.append("g").attr("class", "axis y");
    this.bottom = this.svg.append("g").attr("class", "axis x");
    this.plot = this.svg.append("g").attr("clip-path", `url(#${figure.id}-clip)`);
    this.frame = this.svg.append("clipPath").attr("id", `${figure.id}-clip`).append("rect");
    this.ends = this.svg.append("g");
    this.cursor = this.svg.append("g");
    this.brush = this.svg.append("rect").attr({ class: "brush", width: 0 });
    this.note = this.svg.append("text").attr("class", "empty-text");
    this.listen();
    new ResizeObserver(() => this.draw()).observe(figure);
  }

  listen() {
    this.svg.on("mousemove", () => this.onMove(d3.mouse(this.svg.node())[0]));
    this.svg.on("mousedown", () => {
      this.dragFrom = this.x ? d3.mouse(this.svg.node())[0] : null;
      d3.event.preventDefault();
    });
    this.svg.on("mouseup", () => this.endDrag(d3.mouse(this.svg.node())[0]));
    this.svg.on("mouseleave", () => {
      this.endDrag(null);
      this.onCursor(null);
    });
    this.svg.on("dblclick", () => this.onRange(null));
    this.svg.on("blur", () => this.onCursor(null));
    this.svg.on("keydown", () => {
      if (this.zoomByKey(d3.event.key)) return d3.event.preventDefault();
      const stride = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[d3.event.key];
      if (!stride || !this.longest?.length) return;
      d3.event.preventDefault();
      const last = this.longest.length - 1;
      const at = this.cursorStep === null ? last : bisect(this.longest, this.cursorStep);
      this.onCursor(this.longest[Math.max(0, Math.min(last, at + stride))].step);
    });
  }

  onMove(x) {
    if (this.dragFrom != null) this.drawBrush(x);
    this.onCursor(this.x?.invert(x));
  }

  // A drag over some pixels is a zoom; less is a click.
  endDrag(x) {
    const from = this.dragFrom;
    this.dragFrom = null;
    this.brush.attr("width", 0);
    if (from == null || x === null || Math.abs(x - from) < 8) return;
    this.onRange([this.x.invert(Math.min(from, x)), this.x.invert(Math.max(from, x))]);
  }

  drawBrush(x) {
    const [left, right] = [Math.min(this.dragFrom, x), Math.max(this.dragFrom, x)];
    this.brush.attr({ x: left, y: margin.top, width: right - left, height: this.height - margin.top - margin.bottom });
  }

  // + and - around the cursor, 0 and Escape for the whole run.
  zoomByKey(key) {
    if (key === "0" || key === "Escape") return this.onRange(null), true;
    const factor = { "+": 0.5, "=": 0.5, "-": 2 }[key];
    if (!factor || !this.x) return false;
    const [first, last] = this.x.domain();
    const middle = this.cursorStep ?? (first + last) / 2;
    const half = (factor * (last - first)) / 2;
    return this.onRange(half < 1 ? this.range : [middle - half, middle + half]), true;
  }

  setRange(range) {
    this.range = range;
    this.show(this.curves);
  }

  setStrength(strength) {
    this.strength = strength;
    this.show(this.curves);
  }

  visible(points) {
    if (!this.range) return points;
    const [first, last] = this.range;
    return points.filter((point) => point.step >= first && point.step <= last);
  }

  // curves: one array of {step, value} a series, by rising step.
  show(curves) {
    this.curves = curves;
    this.data = curves.map((all, index) => {
      const { smooth } = this.series[index];
      const line = smooth ? smoothed(all, this.strength) : all;
      return { ...this.series[index], points: this.visible(all), line: this.visible(line), isSmoothed: line !== all };
    });
    this.longest = this.data.reduce((most, one) => (one.points.length > most.length ? one.points : most), []);
    this.draw();
  }

  setCursor(step) {
    this.cursorStep = step ?? null;
    if (this.x) this.drawCursor();
  }

  draw() {
    const { width, height } = this.svg.node().getBoundingClientRect();
    if (width < 60) return;
    Object.assign(this, { width, height });
    const all = this.data.flatMap((one) => one.points);
    this.note.attr({ x: width / 2, y: height / 2 }).text(all.length ? "" : "no figures reported");
    if (all.length === 0) return this.clear();
    this.x = d3.scale.linear().domain(this.stepRange(all)).range([margin.left, width - margin.right]);
    this.y = d3.scale.linear().domain(this.valueRange()).nice(5).range([height - margin.bottom, margin.top]);
    this.drawAxes();
    this.drawCurves();
    this.drawCursor();
  }

  clear() {
    this.x = null;
    for (const group of [this.grid, this.bottom, this.plot, this.ends, this.cursor]) group.selectAll("*").remove();
    this.values.forEach((value) => (value.textContent = "–"));
    this.svg.select("title").text(`${this.title}: no figures reported`);
  }

  stepRange(points) {
    const [first, last] = d3.extent(points, (point) => point.step);
    return first === last ? [first - 1, last + 1] : [first, last];
  }

  // A few high values (first steps, a hiccup) would flatten the rest, so the axis covers all but the highest fiftieth.
  valueRange() {
    const values = this.data.flatMap((one) => one.points.map((point) => point.value)).sort(d3.ascending);
    const highest = values[values.length - 1];
    const high = values.length > 50 ? Math.max(d3.quantile(values, 0.98), ...this.lastValues()) : highest;
    const low = this.fromZero ? 0 : values[0];
    return low === high ? [low - (Math.abs(low) * 0.1 || 1), high + (Math.abs(high) * 0.1 || 1)] : [low, high];
  }

  lastValues() {
    return this.data.filter((one) => one.points.length).map((one) => one.points[one.points.length - 1].value);
  }

  drawAxes() {
    const inner = this.width - margin.left - margin.right;
    const levels = Math.max(3, Math.round(this.height / 50));
    const left = d3.svg.axis().scale(this.y).orient("left").ticks(levels).tickSize(-inner).tickPadding(8);
    const steps = Math.max(2, Math.min(10, Math.floor(inner / 90)));
    const bottom = d3.svg.axis().scale(this.x).orient("bottom").ticks(steps).tickSize(0).tickPadding(9);
    this.grid.attr("transform", `translate(${margin.left},0)`).call(left.tickFormat(this.tick));
    this.bottom.attr("transform", `translate(0,${this.height - margin.bottom})`).call(bottom.tickFormat(d3.format(",d")));
  }

  // Curves leave the frame at its top rather than being bent; dots are small enough to stay whole.
  drawCurves() {
    const [width, height] = [this.width - margin.left, this.height - margin.top - margin.bottom + 6];
    this.frame.attr({ x: margin.left, y: margin.top - 3, width, height });
    const path = d3.svg.line().x((point) => this.x(point.step)).y((point) => this.y(point.value));
    const curves = this.data.flatMap((one) => [
      ...(one.isSmoothed ? [{ colour: `${one.colour} raw`, points: one.points }] : []),
      { colour: one.colour, points: one.line },
    ]);
    const lines = this.plot.selectAll("path").data(curves);
    lines.enter().append("path");
    lines.attr("class", (curve) => `curve ${curve.colour}`).attr("d", (curve) => path(curve.points) || null);
    lines.exit().remove();
    const shown = this.data.flatMap((one) => this.dotsOf(one)).filter((dot) => this.y(dot.value) >= margin.top - 3);
    const dots = this.ends.selectAll("circle").data(shown);
    dots.enter().append("circle");
    dots.attr({ class: (dot) => `dot ${dot.colour}`, r: 3.5 });
    dots.attr({ cx: (dot) => this.x(dot.step), cy: (dot) => this.y(dot.value) });
    dots.exit().remove();
  }

  dotsOf(one) {
    if (one.points.length === 0) return [];
    const shown = one.dots && one.points.length <= 60 ? one.points : one.line.slice(-1);
    return shown.map((point) => ({ ...point, colour: one.colour }));
  }

  drawCursor() {
    const step = this.cursorStep;
    const [first, last] = this.x.domain();
    const isInside = step !== null && step >= first && step <= last;
    const line = this.cursor.selectAll("line").data(isInside ? [step] : []);
    line.enter().append("line").attr("class", "cursor-line");
    line.attr({ x1: this.x, x2: this.x, y1: margin.top, y2: this.height - margin.bottom });
    line.exit().remove();
    this.cursor.selectAll("text").remove();
    if (isInside) {
      const [anchor, gap] = this.x(step) > this.width - 90 ? ["end", -6] : ["start", 6];
      const label = this.cursor.append("text").attr({ class: "axis-label", x: this.x(step) + gap, y: margin.top + 8 });
      label.style("text-anchor", anchor).text(`step ${Math.round(step)}`);
    }
    this.writeValues(isInside ? step : last);
  }

  writeValues(step) {
    const texts = this.data.map((one) => {
      const point = nearest(one.points, step);
      return point ? this.format(point.value) : "–";
    });
    texts.forEach((text, index) => (this.values[index].textContent = text));
    const spoken = texts.map((text, index) => `${this.series[index].label} ${text}`).join(", ");
    this.svg.select("title").text(`${this.title} at step ${Math.round(step)}: ${spoken}`);
  }
}

// Makes cursor and zoom of one chart those of all. onRange is told of every zoom.
export function share(charts, onRange) {
  for (const chart of charts) {
    chart.onCursor = (step) => charts.forEach((other) => other.setCursor(step));
    chart.onRange = (range) => {
      charts.forEach((other) => other.setRange(range));
      onRange(range);
    };
  }
}
