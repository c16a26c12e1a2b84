#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::soak {

struct GroupWish {
  std::string backend;
  std::string name;
  int rank = 0;
  int size = 1;
  int global_rank = -1;  // -1: the same as `rank`
  std::size_t staging_bytes = 0;
};
// The backends that the campaign knows.
[[nodiscard]] const std::vector<std::string>& known_backends();
// Collective.
[[nodiscard]] std::unique_ptr<collectives::Communicator> make_group(Store& store, const GroupWish& wish);

}  // namespace trireme::soak
