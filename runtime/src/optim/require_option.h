#pragma once

#include <string>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/part_optimizer.h"

namespace trireme {

// Throws ConfigError naming the option unless `holds`.
inline void require_option(bool holds, const std::string& optimizer, const char* option, double value,
                           const char* range) {
  if (!holds) throw ConfigError(message("{}: {} is {}, but must be {}.", optimizer, option, value, range));
}

// The part of an optimizer's options that all of them have.
template <typename Options>
[[nodiscard]] PartOptimizerOptions shared_options(const char* name, const Options& options) {
  return {.name = name,
          .learning_rate = options.learning_rate,
          .schedule = options.schedule,
          .weight_decay = options.weight_decay,
          .decay_vectors = options.decay_vectors,
          .clip_norm = options.clip_norm,
          .groups = options.groups};
}

}  // namespace trireme
