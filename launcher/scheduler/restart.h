#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/transitions.h"

// What a scheduler that was killed leaves to the next one. Runs go on without it: what became of their ranks meanwhile,
// the agents tell again when they come back.
namespace trireme::launcher {

// What was asked for, to ask for it again.
[[nodiscard]] nlohmann::json to_document(const RunSpec& spec);
// The inverse. Throws DataError for what is no such document.
[[nodiscard]] RunSpec spec_from_document(const nlohmann::json& document);

// What must outlive the scheduler of a run that has not ended: what was asked for, where it was placed, how it is
// doomed.
[[nodiscard]] nlohmann::json to_document(const Run& run);
// The inverse, with every rank starting. Throws DataError for what is no such document.
[[nodiscard]] Run run_from_document(const nlohmann::json& document);

// The state to go on from at `now`, with `nodes` nodes expected back: active runs wait for theirs. `drained` are the
// nodes that get no new ranks, as far as the history knows them.
[[nodiscard]] ClusterState resume(std::vector<Run> active, std::vector<Node> drained, int next_run, int nodes,
                                  Seconds now);

}  // namespace trireme::launcher
