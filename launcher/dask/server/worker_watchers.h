#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "dask/server/peers.h"
#include "dask/server/stream.h"

namespace trireme::launcher::dask {

// Cluster managers that are told of every worker that comes and goes, over a connection on which they say nothing more.
class WorkerWatchers {
 public:
  void add(std::shared_ptr<Stream> watcher);
  void tell_added(const WorkerPeer& worker);
  void tell_removed(std::string_view address);

 private:
  void drop_gone();

  std::vector<std::shared_ptr<Stream>> watchers_;
};

}  // namespace trireme::launcher::dask
