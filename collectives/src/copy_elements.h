#pragma once

#include <cstring>

#include "trireme/collectives/buffer.h"

namespace trireme::collectives {

// Copies as many bytes as `from` has, unless both are the same view.
inline void copy_elements(const Buffer& from, const Buffer& to) {
  if (from.count > 0 && from.data != to.data) std::memcpy(to.data, from.data, from.bytes());
}

}  // namespace trireme::collectives
