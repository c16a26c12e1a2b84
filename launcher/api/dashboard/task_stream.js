// Runs of tasks in the last minute: one lane a thread of a worker.
const kWindow = 60;      // seconds
const kMostSpans = 6000;
const kLane = 15;
const kMostLanes = 64;
const kLabels = 118;

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The same colour for the same kind, on every visit.
function colourOf(prefix) {
  let hash = 0;
  for (const letter of prefix) hash = (hash * 31 + letter.charCodeAt(0)) % 360;
  return `hsl(${hash}, 62%, ${matchMedia("(prefers-color-scheme: dark)").matches ? 62 : 42}%)`;
}

export class TaskStream {
  constructor(canvas, note) {
    Object.assign(this, { canvas, note, spans: [], last: 0 });
    canvas.addEventListener("mousemove", (event) => this.point(event.offsetX, event.offsetY));
  }

  add(spans) {
    const fresh = spans.filter((span) => span.sequence > this.last);
    if (fresh.length === 0) return;
    this.last = fresh[fresh.length - 1].sequence;
    this.spans.push(...fresh);
    if (this.spans.length > kMostSpans) this.spans.splice(0, this.spans.length - kMostSpans);
  }

  lanes() {
    const names = [...new Set(this.shown.map((span) => `${span.worker}\u0000${span.thread}`))].sort();
    return new Map(names.slice(0, kMostLanes).map((name, at) => [name, at]));
  }

  draw(now) {
    const width = this.canvas.parentElement.clientWidth;
    if (width < 100) return;
    const newest = Math.max(...this.spans.map((span) => span.end), 0);
    this.until = now - newest < kWindow ? now : newest;  // what was last stays to be seen
    this.shown = this.spans.filter((span) => span.end > this.until - kWindow);
    this.laneOf = this.lanes();
    const height = Math.max(1, this.laneOf.size) * kLane + 20;
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: height * ratio });
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    this.x = (time) => kLabels + ((time - this.until + kWindow) / kWindow) * (width - kLabels - 10);
    this.drawLanes(context, width, height);
    for (const span of this.shown) this.drawSpan(context, span);
    this.canvas.dataset.spans = String(this.shown.length);
    this.canvas.dataset.lanes = String(this.laneOf.size);
  }

  drawLanes(context, width, height) {
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = style("--muted");
    context.textAlign = "right";
    let before = "";
    for (const [name, at] of this.laneOf) {
      const [worker] = name.split("\u0000");
      if (worker !== before) context.fillText(worker.slice(-18), kLabels - 8, at * kLane + 12);
      before = worker;
    }
    context.textAlign = "left";
    context.fillText(this.shown.length ? "60 s ago" : "no task has run in the last minute", kLabels, height - 4);
    context.textAlign = "right";
    context.fillText(this.shown.length ? "now" : "", width - 10, height - 4);
  }

  drawSpan(context, span) {
    const lane = this.laneOf.get(`${span.worker}\u0000${span.thread}`);
    if (lane === undefined) return;
    const from = Math.max(kLabels, this.x(span.begin));
    context.fillStyle = span.erred ? style("--bad") : colourOf(span.prefix);
    context.fillRect(from, lane * kLane + 2, Math.max(1.5, this.x(span.end) - from), kLane - 4);
  }

  point(x, y) {
    if (!this.shown) return;
    const lane = Math.floor(y / kLane);
    const found = this.shown.find((span) => this.laneOf.get(`${span.worker}\u0000${span.thread}`) === lane &&
      this.x(span.begin) - 1 <= x && x <= Math.max(this.x(span.end), this.x(span.begin) + 2));
    this.note.textContent = found ? `${found.prefix} on ${found.worker}: ${Math.round((found.end - found.begin) * 1e5) / 100} ms${found.erred ? ", failed" : ""}`
      : "One lane a thread of a worker, the last minute.";
  }
}
