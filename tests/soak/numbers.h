#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "plan.h"

// Inputs that every rank can compute for every other, and what must come out. Small whole numbers: their sums and
// products are exact in every dtype, so the result does not depend on the order in which a backend adds.
namespace trireme::soak {

using collectives::Buffer;

// Ranks that take part in a call: how many, which one this is, and the number that seeds each one's input.
struct Party {
  int rank = 0;
  int size = 1;
  std::uint64_t salt = 0;  // tells halves apart
};

// Puts what `rank` gives to `call` into `buffer`; element i of the buffer is element `first` + i of its input.
void fill(const Call& call, const Party& party, int rank, const Buffer& buffer);
// Compares what this rank got with what it must be; a text when it differs. `output` is empty where the call gives
// nothing.
[[nodiscard]] std::optional<std::string> find_wrong(const Call& call, const Party& party, const Buffer& output);

}  // namespace trireme::soak
