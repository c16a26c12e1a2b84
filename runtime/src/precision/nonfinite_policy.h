#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "precision/loss_scaler.h"
#include "precision/nonfinite.h"
#include "trireme/runtime/nonfinite_error.h"

namespace trireme {

// What follows from steps whose gradients are not finite: they are skipped, lower the loss scale, and end the training
// when there are too many in a row. Depends only on what the ranks agreed on, so it is the same on all.
class NonfinitePolicy {
 public:
  // `loss_scale`: none when losses are not scaled. `throw_after`: skips in a row; 0: never.
  NonfinitePolicy(const std::optional<LossScale>& loss_scale, std::int64_t throw_after);

  // 1 when losses are not scaled.
  [[nodiscard]] double loss_scale() const noexcept { return scaler_ ? scaler_->scale() : 1; }
  // The step now running is to be skipped: says why, and what follows. Throws NonfiniteError after too many.
  [[nodiscard]] std::string explain(const std::vector<NonfiniteSight>& by_rank) const;
  void end_step(bool skipped);

  // For checkpoints. Keys that are missing, as in older ones, change nothing. Throws CheckpointError for bad values.
  [[nodiscard]] std::map<std::string, std::string> scalars() const;
  void load_scalars(const std::map<std::string, std::string>& scalars);

 private:
  std::optional<LossScaler> scaler_;
  std::int64_t throw_after_;
  std::int64_t steps_ = 0;  // finished
  std::int64_t skips_ = 0;  // in a row
};

}  // namespace trireme
