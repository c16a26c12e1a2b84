#include "cli/top_screen.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "cli/tables.h"

namespace trireme::launcher {

namespace {

constexpr int kBarWidth = 24;
constexpr int kRunLines = 4;

Tone tone_of(const std::string& state) {
  if (state == "running") return Tone::kBusy;
  if (state == "up" || state == "succeeded" || state == "healthy") return Tone::kGood;
  if (state == "lost" || state == "failed" || state == "stalled" || state == "ending") return Tone::kBad;
  if (state == "starting" || state == "queued" || state == "slow rank" || state == "draining") return Tone::kWarning;
  return Tone::kMuted;
}

// Bytes that begin a character of UTF-8.
bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

std::string shortened(const std::string& text, int width) {
  int characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && ++characters > width) return text.substr(0, at);
  }
  return text;
}

int width_of(const std::string& text) { return static_cast<int>(std::ranges::count_if(text, begins_character)); }

ScreenLine cut(ScreenLine line, int width) {
  for (Piece& piece : line) {
    piece.text = shortened(piece.text, std::max(0, width));
    width -= width_of(piece.text);
  }
  return line;
}

// "████▌   "
std::string bar(double share, int width) {
  constexpr std::array<const char*, 9> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
  const double filled = std::clamp(share, 0.0, 1.0) * width;
  const int whole = static_cast<int>(filled);
  const auto part = static_cast<std::size_t>((filled - whole) * 8);
  std::string text;
  for (int i = 0; i < whole; ++i) text += kEighths[8];
  text += kEighths[part];
  return text + std::string(static_cast<std::size_t>(std::max(0, width - width_of(text))), ' ');
}

std::string percent(const std::optional<double>& share) {
  return share ? fmt::format("{:.0f} %", *share * 100) : std::string("–");
}

double metric(const RankView& rank, const char* name) {
  if (!rank.status) return NAN;
  const auto found = rank.status->metrics.find(name);
  return found == rank.status->metrics.end() ? NAN : found->second;
}

std::string number(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "–";
}

ScreenLine cluster_line(const ClusterSnapshot& snapshot, double now) {
  const auto up = std::ranges::count(snapshot.nodes, std::string("up"), &NodeView::state);
  int ranks = 0;
  for (const NodeView& node : snapshot.nodes) ranks += node.ranks;
  return {{"Trireme ", Tone::kStrong},
          {snapshot.name + " "},
          {snapshot.state, tone_of(snapshot.state)},
          {fmt::format("   {} of {} nodes, {} ranks, up for {}", up, snapshot.nodes.size(), ranks,
                       format_duration(now - snapshot.started)),
           Tone::kMuted}};
}

ScreenLine nodes_line(const ClusterSnapshot& snapshot) {
  ScreenLine line;
  for (const NodeView& node : snapshot.nodes) {
    line.push_back({"● ", tone_of(node.state)});
    line.push_back({fmt::format("{} {}  ", node.name, node.ranks), node.state == "up" ? Tone::kMuted : Tone::kBad});
  }
  return line;
}

ScreenLine progress_line(const RunView& run, int width) {
  const RunInsight& insight = run.insight;
  if (!insight.step) return {{"no step reported", Tone::kMuted}};
  if (!insight.total_steps) return {{fmt::format("step {}", *insight.step)}};
  const double share = static_cast<double>(*insight.step) / static_cast<double>(*insight.total_steps);
  const std::string text = fmt::format(" step {} of {}  {:.0f} %", *insight.step, *insight.total_steps, share * 100);
  const std::string left = insight.remaining ? fmt::format("  {} left", format_duration(*insight.remaining)) : "";
  return {{bar(share, std::max(10, width - width_of(text + left) - 1)), Tone::kBusy}, {text}, {left, Tone::kMuted}};
}

ScreenLine figures_line(const RunView& run) {
  const auto value = [&](const char* name, int digits) {
    const auto found = run.metrics.find(name);
    return found == run.metrics.end() ? std::string("–") : number(found->second, digits);
  };
  ScreenLine line;
  const auto add = [&](const char* label, const std::string& text) {
    line.push_back({std::string(label) + " ", Tone::kMuted});
    line.push_back({text + "   ", Tone::kStrong});
  };
  add("loss", value("loss", 3));
  add("val", value("val_loss", 3));
  add("tokens/s", value("tokens_per_s", 0));
  add("step ms", value("step_ms", 1));
  add("efficiency", percent(run.insight.efficiency));
  add("exposed", percent(run.insight.exposed));
  add("waiting", percent(run.insight.straggling));
  return line;
}

void add_run(std::vector<ScreenLine>& lines, const RunView& run, int width) {
  const RunInsight& insight = run.insight;
  lines.push_back({{run.run_id + " ", Tone::kMuted},
                   {run.name + " ", Tone::kStrong},
                   {run.status, tone_of(run.status)},
                   {fmt::format("   {} ranks on {} nodes", run.ranks, run.nodes.size()), Tone::kMuted}});
  const std::string condition =
      insight.stalled ? "stalled for " + format_duration(*insight.stalled) : std::string(to_string(insight.condition));
  lines.push_back({{condition + ": ", tone_of(to_string(insight.condition))}, {insight.headline}});
  if (!insight.advice.empty()) lines.push_back({{"  " + insight.advice, Tone::kMuted}});
  lines.push_back(progress_line(run, width));
  lines.push_back(figures_line(run));
}

std::vector<const RankView*> ordered(const RunView& run, RankOrder order) {
  std::vector<const RankView*> ranks;
  for (const RankView& rank : run.rank_views) ranks.push_back(&rank);
  const auto by = [&](auto value) {
    std::ranges::stable_sort(ranks, std::ranges::greater(), [&](const RankView* rank) { return value(*rank); });
  };
  if (order == RankOrder::kSlowest) by([](const RankView& rank) { return rank.busy_ms; });
  if (order == RankOrder::kMemory) {
    by([](const RankView& rank) { return rank.status ? std::max(0.0, metric(rank, "memory_mib")) : 0.0; });
  }
  return ranks;
}

std::string place_of(const RankView& rank) {
  if (!rank.exit_cause.empty()) return rank.exit_cause;
  if (!rank.status || !rank.status->collective) return rank.status ? rank.status->phase : rank.state;
  const CollectiveStatus& last = *rank.status->collective;
  return fmt::format("{} {} #{}", last.is_running ? "in" : "after", last.op, last.sequence);
}

ScreenLine rank_line(const RankView& rank, double slowest, bool is_suspect) {
  const std::string step = rank.status ? fmt::format("{}", rank.status->step) : "–";
  return {{fmt::format("{:>5} {:<10.10} ", rank.rank, rank.node)},
          {fmt::format("{:<9.9}", rank.state), tone_of(rank.state)},
          {fmt::format("{:>9} ", step)},
          {bar(slowest > 0 ? rank.busy_ms / slowest : 0, kBarWidth), is_suspect ? Tone::kBad : Tone::kBusy},
          {fmt::format(" {:>8} {:>8} {:>8} {:>9} ", number(rank.busy_ms > 0 ? rank.busy_ms : NAN, 1),
                       number(metric(rank, "exposed_comm_ms"), 1), number(metric(rank, "straggler_ms"), 1),
                       number(metric(rank, "memory_mib"), 0))},
          {place_of(rank), is_suspect ? Tone::kBad : Tone::kMuted}};
}

ScreenLine rank_header() {
  return {{fmt::format("{:>5} {:<10} {:<9}{:>9} {:<{}} {:>8} {:>8} {:>8} {:>9} {}", "rank", "node", "state", "step",
                       "computing", kBarWidth, "ms", "exposed", "waits", "MiB", "collective"),
           Tone::kMuted}};
}

void add_ranks(std::vector<ScreenLine>& lines, const RunView& run, const TopView& view, int room) {
  const auto ranks = ordered(run, view.order);
  double slowest = 0;
  for (const RankView* rank : ranks) slowest = std::max(slowest, rank->busy_ms);
  lines.push_back(rank_header());
  const int shown = room - 2;  // the header, and what is left out
  const int first = std::clamp(view.first_rank, 0, std::max(0, static_cast<int>(ranks.size()) - std::max(1, shown)));
  for (int at = first; at < std::min<int>(first + shown, static_cast<int>(ranks.size())); ++at) {
    const RankView& rank = *ranks[static_cast<std::size_t>(at)];
    const bool is_suspect = std::ranges::find(run.insight.suspects, rank.rank) != run.insight.suspects.end();
    lines.push_back(rank_line(rank, slowest, is_suspect));
  }
  const int left = static_cast<int>(ranks.size()) - std::min<int>(first + shown, static_cast<int>(ranks.size()));
  if (left > 0) lines.push_back({{fmt::format("      and {} more (↓)", left), Tone::kMuted}});
}

void add_other_runs(std::vector<ScreenLine>& lines, const ClusterSnapshot& snapshot, const RunView* shown) {
  int room = kRunLines;
  for (const RunView& run : snapshot.runs) {
    if (&run == shown || room-- == 0) continue;
    if (room < 0) break;
    lines.push_back({{run.run_id + " ", Tone::kMuted},
                     {fmt::format("{:<18.18} ", run.name)},
                     {fmt::format("{:<10}", run.status), tone_of(run.status)},
                     {" " + run.insight.headline, Tone::kMuted}});
  }
}

ScreenLine help_line() {
  return {{"q quit   ↑↓ ranks   tab next run   s slowest first   m memory   r by rank", Tone::kMuted}};
}

}  // namespace

const RunView* shown_run(const ClusterSnapshot& snapshot, const std::string& run_id) {
  const auto find = [&](auto matches) { return std::ranges::find_if(snapshot.runs, matches); };
  auto found = find([&](const RunView& run) { return run.run_id == run_id; });
  if (found == snapshot.runs.end()) found = find([](const RunView& run) { return run.status == "running"; });
  if (found == snapshot.runs.end()) found = snapshot.runs.begin();
  return found == snapshot.runs.end() ? nullptr : &*found;
}

std::vector<ScreenLine> draw_top(const ClusterSnapshot& snapshot, const TopView& view) {
  std::vector<ScreenLine> lines = {cluster_line(snapshot, view.now), nodes_line(snapshot), {}};
  const RunView* run = shown_run(snapshot, view.run_id);
  std::vector<ScreenLine> below;
  add_other_runs(below, snapshot, run);
  below.push_back(help_line());
  if (run == nullptr) {
    lines.push_back({{"Nothing has run yet: launcher run -n 4 -- PROGRAM", Tone::kMuted}});
  } else {
    add_run(lines, *run, view.width);
    lines.push_back({});
    const int room = view.height - static_cast<int>(lines.size() + below.size()) - 1;
    if (room > 2) add_ranks(lines, *run, view, room);
  }
  lines.push_back({});
  lines.insert(lines.end(), below.begin(), below.end());
  if (static_cast<int>(lines.size()) > view.height) lines.resize(static_cast<std::size_t>(std::max(0, view.height)));
  for (ScreenLine& line : lines) line = cut(std::move(line), view.width);
  return lines;
}

}  // namespace trireme::launcher
