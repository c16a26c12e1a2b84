#pragma once

#include <string_view>
#include <unordered_map>

#include "dask/wire/bytes.h"

namespace trireme::launcher::dask {

// Pickles of results' types, each held once: a million integers share one. Not thread-safe.
class TypeTable {
 public:
  // The same bytes, which keep no message alive.
  [[nodiscard]] Bytes share(const Bytes& type) {
    if (const auto known = types_.find(type.view()); known != types_.end()) return known->second;
    const Bytes own = type.detached();
    if (types_.size() < kMostTypes) types_.emplace(own.view(), own);
    return own;
  }

 private:
  static constexpr std::size_t kMostTypes = 4096;

  std::unordered_map<std::string_view, Bytes> types_;  // keys point into the values
};

}  // namespace trireme::launcher::dask
