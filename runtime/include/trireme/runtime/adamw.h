#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trireme/runtime/optimizer.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/schedule.h"

namespace trireme {

struct AdamWOptions {
  double learning_rate = 1e-3;
  Schedule schedule = nullptr;  // when given, used instead of learning_rate
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // decoupled
  bool decay_vectors = false;  // decay biases and norm weights (fewer than two dimensions) too
  double clip_norm = 0;        // gradients are scaled down to this global L2 norm; 0: never
};

// AdamW, fused, over the parameters of a Parallel; the same arithmetic as torch.optim.AdamW(fused=True).
//
// Parameters without a gradient are left alone: no decay, no moments, no step count. When the global gradient norm is
// not finite, all ranks skip the update together and report why; the schedule moves on all the same. Lifetime: refers
// to `parallel`. Threads: that of `parallel`.
class AdamW final : public Optimizer {
 public:
  // Throws ConfigError naming an option that is out of range.
  AdamW(ParallelModule& parallel, AdamWOptions options);
  ~AdamW() override;

  UpdateReport step() override;
  // Calls of step() so far, skipped ones included.
  [[nodiscard]] std::int64_t updates() const noexcept;
  // What the next step() uses.
  [[nodiscard]] double learning_rate() const;

  // Per parameter NAME: "adamw.exp_avg.NAME", "adamw.exp_avg_sq.NAME" and "adamw.step.NAME".
  [[nodiscard]] std::vector<TensorSlice> tensor_slices() override;
  [[nodiscard]] std::string shard_name() const override { return "optimizer"; }
  [[nodiscard]] std::map<std::string, std::string> scalars() const override;
  void load_scalars(const std::map<std::string, std::string>& scalars) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme
