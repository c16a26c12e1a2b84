#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// A holder that keeps a key alive: a client, or what stands for a named thing ("variable-x", "queue-y",
// "published-z").
struct Claim {
  std::string holder;
  Key key;

  friend bool operator==(const Claim&, const Claim&) = default;
};

// What an operation means for the task scheduler: first desire_keys(), then release_keys().
struct Claims {
  std::vector<Claim> desired;
  std::vector<Claim> released;
};

// The holder that stands for the thing of this kind and name: holder_of("variable", x) is "variable-x".
[[nodiscard]] std::string holder_of(std::string_view kind, const Key& name);

}  // namespace trireme::launcher::dask
