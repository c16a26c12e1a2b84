#include "dask/coordination/datasets.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "dask/coordination/caller_error.h"
#include "dask/wire/message.h"

namespace trireme::launcher::dask {

namespace {

void append_claims(std::vector<Claim>& claims, const Key& name, const std::vector<Key>& keys) {
  for (const Key& key : keys) claims.push_back({holder_of("published", name), key});
}

}  // namespace

Claims Datasets::put(std::vector<Named> datasets, bool override) {
  for (const Named& named : datasets) {
    if (!override && datasets_.contains(named.name)) {
      throw CallerError("KeyError", fmt::format("Dataset {} already exists", name_of(named.name)));
    }
  }
  Claims claims;
  for (Named& named : datasets) {
    const Dataset old = std::exchange(datasets_[named.name], named.dataset);
    append_claims(claims.desired, named.name, named.dataset.keys);
    for (const Key& key : old.keys) {
      if (std::ranges::count(named.dataset.keys, key) == 0) append_claims(claims.released, named.name, {key});
    }
  }
  return claims;
}

Claims Datasets::erase(const std::vector<Key>& names) {
  Claims claims;
  for (const Key& name : names) {
    if (const auto erased = datasets_.extract(name)) append_claims(claims.released, name, erased.mapped().keys);
  }
  return claims;
}

const Dataset* Datasets::find(const Key& name) const {
  const auto found = datasets_.find(name);
  return found == datasets_.end() ? nullptr : &found->second;
}

std::vector<Key> Datasets::names() const {
  std::vector<Key> names;
  for (const auto& [name, dataset] : datasets_) names.push_back(name);
  std::ranges::sort(names, {}, name_of);
  return names;
}

}  // namespace trireme::launcher::dask
