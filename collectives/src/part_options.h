#pragma once

#include "transport.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

// The options of a backend for a part of a group that was made with `whole`. `global_rank`: see ShmOptions.
template <typename Options>
[[nodiscard]] Options part_options(Options whole, const Subgroup& part, int global_rank) {
  whole.rank = part.rank;
  whole.size = static_cast<int>(part.members.size());
  whole.name = message("{}/split{}.{}", whole.name, part.ordinal, part.color);
  whole.global_rank = global_rank;
  return whole;
}

}  // namespace trireme::collectives
