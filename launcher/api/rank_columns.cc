#include "api/rank_columns.h"

#include <algorithm>
#include <functional>

#include <nlohmann/json.hpp>

#include "api/json_text.h"

namespace trireme::launcher {

namespace {

using Json = nlohmann::json;

Json metric(const RankView& rank, const char* name) {
  if (!rank.status) return nullptr;
  const auto found = rank.status->metrics.find(name);
  return found == rank.status->metrics.end() ? Json(nullptr) : rounded(found->second);
}

template <typename Value>
Json column(const RunView& run, Value value) {
  Json cells = Json::array();
  for (const RankView& rank : run.rank_views) cells.push_back(value(rank));
  return cells;
}

// Texts that repeat: {"names": […], "index": [0, 0, 1, …]}.
Json text_column(const RunView& run, const std::function<std::string(const RankView&)>& text) {
  std::vector<std::string> names;
  Json index = Json::array();
  for (const RankView& rank : run.rank_views) {
    const std::string word = text(rank);
    auto found = std::ranges::find(names, word);
    if (found == names.end()) found = names.insert(names.end(), word);
    index.push_back(found - names.begin());
  }
  return {{"names", names}, {"index", std::move(index)}};
}

Json collectives(const RunView& run) {
  const auto of = [&](auto value) {
    return column(run, [&](const RankView& rank) {
      return rank.status && rank.status->collective ? Json(value(*rank.status->collective)) : Json(nullptr);
    });
  };
  return {{"op", text_column(run,
                             [](const RankView& rank) {
                               return rank.status && rank.status->collective ? rank.status->collective->op
                                                                             : std::string();
                             })},
          {"sequence", of([](const CollectiveStatus& last) { return last.sequence; })},
          {"bytes", of([](const CollectiveStatus& last) { return last.bytes; })},
          {"running", of([](const CollectiveStatus& last) { return last.is_running; })},
          {"seconds", of([](const CollectiveStatus& last) { return rounded(last.seconds); })}};
}

}  // namespace

nlohmann::json rank_columns(const RunView& run, double now) {
  const auto age = [now](double time) { return time > 0 ? rounded(std::max(0.0, now - time)) : Json(nullptr); };
  const auto of = [&](const char* name) {
    return column(run, [name](const RankView& rank) { return metric(rank, name); });
  };
  return {
      {"run_id", run.run_id},
      {"ranks", run.rank_views.size()},
      {"node", text_column(run, [](const RankView& rank) { return rank.node; })},
      {"state", text_column(run, [](const RankView& rank) { return rank.state; })},
      {"exit_cause", text_column(run, [](const RankView& rank) { return rank.exit_cause; })},
      {"phase", text_column(run, [](const RankView& rank) { return rank.status ? rank.status->phase : ""; })},
      {"step", column(run, [](const RankView& rank) { return rank.status ? Json(rank.status->step) : Json(nullptr); })},
      {"heard", column(run, [&](const RankView& rank) { return age(rank.status ? rank.status->time : 0); })},
      {"progressed", column(run, [&](const RankView& rank) { return age(rank.progressed); })},
      {"busy_ms", column(run, [](const RankView& rank) { return rounded(rank.busy_ms); })},
      {"step_ms", of("step_ms")},
      {"exposed_ms", of("exposed_comm_ms")},
      {"straggler_ms", of("straggler_ms")},
      {"memory_mib", of("memory_mib")},
      {"state_mib", of("model_state_mib")},
      {"traffic_mib", of("reduced_mib")},
      {"collective", collectives(run)}};
}

}  // namespace trireme::launcher
