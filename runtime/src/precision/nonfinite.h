#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace trireme {

// What one rank saw in a step whose gradients are not finite, before any reduction.
struct NonfiniteSight {
  bool in_loss = false;               // a loss was infinite or not a number
  std::string parameter = {};         // whose gradient had it first on this rank; empty: none
  std::int64_t gradients_before = 0;  // that came before this one in the step
  friend bool operator==(const NonfiniteSight&, const NonfiniteSight&) = default;
};

// How ranks tell each other.
[[nodiscard]] std::string encode(const NonfiniteSight& sight);
[[nodiscard]] NonfiniteSight decode_sight(const std::string& text);

// Which layer and ranks had it first, in words: the loss, else the gradient that came earliest in its rank's backward
// pass, else the sum over the ranks.
[[nodiscard]] std::string describe_nonfinite(const std::vector<NonfiniteSight>& by_rank);

}  // namespace trireme
