#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trireme/runtime/parallel.h"

namespace trireme {

struct EmaOptions {
  double decay = 0.999;  // of the average, a step
  // Early averages forget faster, with min(decay, (1 + t) / (10 + t)) at update t, so that the start does not last.
  bool warms_up = true;
};

// An exponential moving average of the trainable parameters (Polyak and Juditsky 1992), which often evaluates better
// than they do. Float32, kept by part: sharded like optimizer state, and saved with it.
//
//   Ema average(parallel);
//   for (auto& step : steps(…, {.until = 2000, .sources = {&average}})) {
//     …
//     step.update();
//     average.update();
//     if (step.index() % 100 == 99) { auto swapped = average.swap_in(); evaluate(parallel); }
//   }
//
// Lifetime: refers to `parallel`. Threads: that of `parallel`.
class Ema final : public StateSource {
 public:
  // Starts from the parameters as they are. Throws ConfigError unless 0 <= decay < 1.
  explicit Ema(ParallelModule& parallel, EmaOptions options = {});
  ~Ema() override;

  // Takes the parameters in, after a step. Not collective. Throws Error while the averages are swapped in.
  void update();
  // Calls of update() so far.
  [[nodiscard]] std::int64_t updates() const noexcept;

  // While it lives, the model computes with the averages; then with its own parameters again.
  class [[nodiscard]] Swapped {
   public:
    explicit Swapped(Ema& ema);
    // Collective. What goes wrong is thrown by the next collective, on all ranks.
    ~Swapped();
    Swapped(const Swapped&) = delete;
    Swapped& operator=(const Swapped&) = delete;

   private:
    Ema& ema_;
  };
  // Collective, outside of passes; no update and no checkpoint until it is over. Throws Error when already swapped in.
  Swapped swap_in() { return Swapped(*this); }

  // Per parameter NAME: "ema.NAME". Throws Error while swapped in.
  [[nodiscard]] std::vector<TensorSlice> tensor_slices() override;
  [[nodiscard]] std::string shard_name() const override { return "ema"; }
  // "ema.updates".
  [[nodiscard]] std::map<std::string, std::string> scalars() const override;
  void load_scalars(const std::map<std::string, std::string>& scalars) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme
