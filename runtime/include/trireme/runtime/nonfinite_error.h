#pragma once

#include "trireme/base/error.h"

namespace trireme {

// Too many steps in a row had gradients that were not finite (ParallelOptions::throw_after_skips). Thrown on all ranks.
class NonfiniteError : public Error {
 public:
  using Error::Error;
};

}  // namespace trireme
