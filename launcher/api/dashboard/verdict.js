// What the scheduler makes of a run, at a glance.
import { element } from "./tables.js";
import * as format from "./format.js";

const tones = {
  healthy: "ok", "slow rank": "warn", stalled: "bad", ending: "bad", starting: "warn", waiting: "idle", ended: "idle",
};

export function showVerdict(box, run) {
  const { condition, headline, advice, stalled } = run.insight;
  const [title, sentence, hint] = box.children;
  box.dataset.tone = run.status === "failed" ? "bad" : run.status === "succeeded" ? "ok" : tones[condition] ?? "idle";
  title.textContent = stalled === null ? condition : `stalled for ${format.duration(stalled)}`;
  sentence.textContent = headline;
  hint.textContent = advice;
}

const percent = (share) => (Number.isFinite(share) ? `${Math.round(share * 100)} %` : "–");

function figure(label, value, title) {
  return element("div", title ? { title } : {}, [element("dt", { text: label }), element("dd", { text: value })]);
}

// Node hours are what a provider bills; a cluster on the user's own machine costs nothing.
function cost(run, provider) {
  const hours = run.insight.node_seconds / 3600;
  const text = hours < 0.1 ? `${format.short(format.significant(hours * 60))} node min` : `${format.short(format.significant(hours))} node h`;
  return figure("Used", text, provider === "local" ? "on this machine: costs nothing" : "nodes × time");
}

export function showFigures(list, run, provider, now) {
  const { metrics, insight } = run;
  list.replaceChildren(
    figure("Loss", format.loss(metrics.loss)),
    figure("Validation loss", format.loss(metrics.val_loss)),
    figure("Tokens/s", format.count(metrics.tokens_per_s ?? metrics.items_per_s ?? metrics.samples_per_s)),
    figure("Step time", format.milliseconds(metrics.step_ms)),
    figure("Efficiency", percent(insight.efficiency), "share of a step that ranks compute; the rest they wait"),
    figure("Communication", percent(insight.exposed), "share of a step that computing does not hide"),
    figure("For the slowest", percent(insight.straggling), "share of a step spent waiting for the slowest rank"),
    figure("Elapsed", format.duration(run.started === null ? undefined : (run.ended ?? now) - run.started)),
    figure("Left", run.ended ? "–" : format.duration(insight.remaining ?? undefined)),
    cost(run, provider),
  );
}
