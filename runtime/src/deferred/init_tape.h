#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <vector>

#include "deferred/deferred_values.h"

namespace trireme {

// Where a tensor lies in a storage.
struct View {
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  std::int64_t offset = 0;
};

// An operator that writes to its first argument, a view of the deferred storage.
struct InitOp {
  c10::OperatorHandle op;
  View self;
  torch::jit::Stack others;         // the arguments after it
  at::Tensor generator_state = {};  // of the default generator before; undefined for operators without randomness
};

class InitTape {
 public:
  void append(InitOp op) { ops_.push_back(std::move(op)); }
  [[nodiscard]] const std::vector<InitOp>& ops() const noexcept { return ops_; }

 private:
  std::vector<InitOp> ops_;
};

}  // namespace trireme
