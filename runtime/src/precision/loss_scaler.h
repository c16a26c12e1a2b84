#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "trireme/runtime/loss_scale.h"

namespace trireme {

// The loss scale from step to step. It depends only on which steps overflowed, which all ranks agree on. No clock, no
// communication.
class LossScaler {
 public:
  // Throws ConfigError naming an option that is out of range.
  explicit LossScaler(const LossScale& options);

  [[nodiscard]] double scale() const noexcept { return scale_; }
  // What it will be after an overflow in this step.
  [[nodiscard]] double scale_after_overflow() const noexcept;
  // A step is over.
  void update(bool overflowed);

  // For checkpoints.
  [[nodiscard]] std::map<std::string, std::string> scalars() const;
  // Keeps what it has when the keys are missing, as in checkpoints of runs that were not scaled. Throws CheckpointError
  // for malformed values.
  void load_scalars(const std::map<std::string, std::string>& scalars);

 private:
  LossScale options_;
  double scale_;
  std::int64_t good_steps_ = 0;  // in a row
  std::int64_t overflows_ = 0;   // since the scale last grew
};

}  // namespace trireme
