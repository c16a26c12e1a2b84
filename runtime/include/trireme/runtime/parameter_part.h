#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace trireme {

struct NamedParameter {
  std::string name;
  at::Tensor tensor;
};

// Consecutive elements of a trainable parameter that this rank updates. The parts of all ranks together cover every
// parameter: in plain data parallel each rank has all of them, with ZeRO each has its own.
struct ParameterPart {
  std::size_t parameter = 0;  // index in ParallelModule::parameters()
  std::int64_t offset = 0;    // of the first element, in the flattened parameter
  at::Tensor values;          // 1-D; what an optimizer changes: the parameter's elements, or their fp32 masters
  at::Tensor gradient;        // 1-D, summed over the ranks; undefined when no rank used the parameter in this step
};

// Elements of a part as checkpoints keep them: exactly one rank owns each element of a parameter.
struct PartSlice {
  std::size_t part = 0;    // index in ParallelModule::parts()
  std::int64_t first = 0;  // from the part's first element
  std::int64_t elements = 0;
  bool is_owner = false;
};

}  // namespace trireme
