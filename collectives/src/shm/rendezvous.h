#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "mapping.h"
#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// Who meets, and where: `key` is unique in the store for each meeting.
struct Meeting {
  Store& store;
  std::string key;
  int rank = 0;
  int size = 1;
  Timeout timeout = kDefaultTimeout;
  // Called every few milliseconds while this rank waits; what it throws ends the meeting for all: a rank was lost, say.
  std::function<void()> check = {};
};

// Rank 0 makes a segment of `bytes`, runs `prepare` on it and hands it to every other rank of `meeting`. Every rank
// runs `introduce` on it: what they all write there, all find when this returns.
//
// The store carries the name of an abstract unix socket, the socket carries the memfd; the segment itself has no name.
// Ranks that are threads of one process share one mapping. Returns on all ranks once all have it, or throws on all:
// TimeoutError naming the ranks that did not come, or what some rank's check threw.
[[nodiscard]] MappingPtr share_mapping(const Meeting& meeting, std::size_t bytes,
                                       const std::function<void(Mapping&)>& prepare = {},
                                       const std::function<void(Mapping&)>& introduce = {});

}  // namespace trireme::collectives
