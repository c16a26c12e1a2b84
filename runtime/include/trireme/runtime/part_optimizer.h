#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trireme/runtime/optimizer.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/parameter_groups.h"
#include "trireme/runtime/schedule.h"
#include "trireme/runtime/update_rule.h"

namespace trireme {

// What all optimizers have; their own options repeat it, so that one list in braces says everything.
struct PartOptimizerOptions {
  std::string name;  // "adamw": what its state is called in checkpoints, and in errors
  double learning_rate = 1e-3;
  Schedule schedule = nullptr;
  double weight_decay = 0;
  bool decay_vectors = false;
  double clip_norm = 0;
  std::vector<ParameterGroup> groups = {};
};

// An optimizer over the parts of a Parallel: the same results at every ZeRO stage, with state as long as the parts.
//
// Parameters without a gradient are left alone: no decay, no state, no count. When the global gradient norm is not
// finite, all ranks skip the update together and report why; the schedule moves on all the same. Clipping by the global
// norm takes no pass of its own: the norm comes with the sums, and the update scales what it reads.
// Own optimizers: write an UpdateRule and pass it here. Lifetime: refers to `parallel`. Threads: that of `parallel`.
class PartOptimizer : public Optimizer {
 public:
  // Throws ConfigError naming an option that is out of range or a pattern that matches nothing.
  PartOptimizer(ParallelModule& parallel, std::unique_ptr<UpdateRule> rule, PartOptimizerOptions options);
  ~PartOptimizer() override;

  UpdateReport step() final;
  // Calls of step() so far, skipped ones included.
  [[nodiscard]] std::int64_t updates() const noexcept;
  [[nodiscard]] int state_tensors() const override;
  // What the next step() uses, before groups scale it.
  [[nodiscard]] double learning_rate() const;

  // Per parameter NAME: "adamw.exp_avg.NAME", … for each tensor of state, and its count "adamw.step.NAME".
  [[nodiscard]] std::vector<TensorSlice> tensor_slices() override;
  [[nodiscard]] std::string shard_name() const override { return "optimizer"; }
  // "adamw.updates".
  [[nodiscard]] std::map<std::string, std::string> scalars() const override;
  void load_scalars(const std::map<std::string, std::string>& scalars) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme
