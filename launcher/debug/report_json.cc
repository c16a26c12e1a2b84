#include "debug/report_json.h"

#include <nlohmann/json.hpp>

namespace trireme::launcher {

namespace {

using Json = nlohmann::json;

double seconds(std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_json(const DiagnosedRank& state) {
  Json json = {{"rank", state.rank},
               {"node", text_or_null(state.node)},
               {"has_record", state.has_record},
               {"reason", text_or_null(state.reason)},
               {"communicator", text_or_null(state.communicator)},
               {"operation", nullptr},
               {"state", nullptr},
               {"waited_s", seconds(state.waited_ns)},
               {"late_s", nullptr},
               {"exit_cause", text_or_null(state.exit_cause)}};
  if (state.last) json["operation"] = describe(*state.last);
  if (state.last) json["state"] = state.last->state;
  if (state.late_ns) json["late_s"] = seconds(*state.late_ns);
  return json;
}

const char* to_string(DivergenceKind kind) {
  switch (kind) {
    case DivergenceKind::kMismatch:
      return "mismatch";
    case DivergenceKind::kMissing:
      return "missing";
    case DivergenceKind::kInProgress:
      break;
  }
  return "in_progress";
}

Json to_json(const Divergence& divergence) {
  Json json = {{"communicator", divergence.communicator},
               {"backend", divergence.backend},
               {"kind", to_string(divergence.kind)},
               {"sequence", divergence.sequence},
               {"bytes", divergence.bytes},
               {"waited_s", seconds(divergence.waited_ns)},
               {"calls", Json::array()},
               {"missing", Json::array()}};
  for (const auto& side : divergence.sides) json["calls"].push_back({{"call", side.call}, {"ranks", side.ranks}});
  for (const auto& missing : divergence.missing) {
    json["missing"].push_back({{"rank", missing.rank}, {"node", text_or_null(missing.node)}, {"why", missing.why}});
  }
  return json;
}

}  // namespace

Json to_json(const Diagnosis& diagnosis) {
  Json json = {{"world_size", diagnosis.world_size},
               {"ranks", Json::array()},
               {"divergences", Json::array()},
               {"straggler", nullptr},
               {"first_error", nullptr}};
  for (const auto& state : diagnosis.ranks) json["ranks"].push_back(to_json(state));
  for (const auto& divergence : diagnosis.divergences) json["divergences"].push_back(to_json(divergence));
  if (const auto& slow = diagnosis.straggler) {
    json["straggler"] = {{"rank", slow->rank},
                         {"communicator", slow->communicator},
                         {"late_s", seconds(slow->late_ns)},
                         {"last_in", slow->last_in},
                         {"operations", slow->operations}};
  }
  if (const auto& error = diagnosis.first_error) {
    json["first_error"] = {{"rank", error->rank}, {"text", error->text}};
  }
  return json;
}

}  // namespace trireme::launcher
