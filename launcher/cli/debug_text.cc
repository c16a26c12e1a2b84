#include "cli/debug_text.h"

#include <fmt/format.h>

#include "cli/tables.h"
#include "debug/duration.h"

namespace trireme::launcher {

namespace {

std::string on_node(const std::string& node) { return node.empty() ? "" : " on " + node; }

// "ranks 0, 2-5"
std::string name_ranks(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t first = 0; first < ranks.size();) {
    std::size_t last = first;
    while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1) ++last;
    if (first > 0) text += ", ";
    text += std::to_string(ranks[first]);
    if (last > first) text += fmt::format("{}{}", last == first + 1 ? ", " : "-", ranks[last]);
    first = last + 1;
  }
  return text;
}

std::vector<std::string> row_of(const DiagnosedRank& state) {
  std::vector<std::string> row = {std::to_string(state.rank), state.node};
  if (state.last) {
    const bool is_finished = state.last->is_finished();
    row.push_back(fmt::format("{}: {}", state.communicator, describe(*state.last)));
    row.push_back(state.last->state);
    row.push_back(is_finished ? "" : format_duration_ns(state.waited_ns));
    row.push_back(state.late_ns ? format_duration_ns(*state.late_ns) : "");
  } else {
    row.insert(row.end(), {state.has_record ? "nothing called" : "(no record)", "", "", ""});
  }
  row.push_back(state.has_record ? state.reason : state.exit_cause);
  return row;
}

std::string format_ranks(const std::vector<DiagnosedRank>& ranks) {
  std::vector<std::vector<std::string>> rows = {
      {"RANK", "NODE", "LAST OPERATION", "STATE", "WAITED", "LATE", "WROTE AFTER"}};
  for (const auto& state : ranks) rows.push_back(row_of(state));
  return format_table(rows);
}

std::string heading(const Divergence& divergence) {
  const auto where = fmt::format("{} ({})", divergence.communicator, divergence.backend);
  switch (divergence.kind) {
    case DivergenceKind::kMismatch:
      return fmt::format("{}: the ranks called different operations as #{}", where, divergence.sequence);
    case DivergenceKind::kMissing:
      return fmt::format("{}: not every rank came to {}", where, divergence.sides.front().call);
    case DivergenceKind::kInProgress:
      break;
  }
  return fmt::format("{}: every rank was in {}", where, divergence.sides.front().call);
}

std::string format_divergence(const Divergence& divergence) {
  auto text = heading(divergence) + '\n';
  std::vector<std::vector<std::string>> sides;
  for (const auto& side : divergence.sides) sides.push_back({"  " + name_ranks(side.ranks), "called " + side.call});
  if (divergence.kind == DivergenceKind::kMissing && sides.size() == 1) {
    sides.front()[1] = fmt::format("waited for it, {} at most", format_duration_ns(divergence.waited_ns));
  }
  text += format_table(sides);
  for (const auto& missing : divergence.missing) {
    text += fmt::format("  rank {}{} is missing: {}\n", missing.rank, on_node(missing.node), missing.why);
  }
  return text;
}

std::string format_straggler(const Straggler& slow) {
  return fmt::format("rank {}{} is slow: last in {} of {} operations of {}, {} behind the first rank on median\n",
                     slow.rank, on_node(slow.node), slow.last_in, slow.operations, slow.communicator,
                     format_duration_ns(slow.late_ns));
}

}  // namespace

std::string format_diagnosis(const Diagnosis& diagnosis) {
  auto text = format_ranks(diagnosis.ranks) + '\n';
  for (const auto& divergence : diagnosis.divergences) text += format_divergence(divergence) + '\n';
  if (diagnosis.divergences.empty()) text += "Every collective that a rank called is finished.\n\n";
  if (diagnosis.straggler) text += format_straggler(*diagnosis.straggler) + '\n';
  if (const auto& error = diagnosis.first_error) {
    text += fmt::format("First error, on rank {}: {}\n\n", error->rank, error->text);
  }
  return text;
}

}  // namespace trireme::launcher
