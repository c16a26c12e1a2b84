#include "dask/server/worker_watchers.h"

#include <utility>

#include "dask/server/identity.h"

namespace trireme::launcher::dask {

void WorkerWatchers::add(std::shared_ptr<Stream> watcher) {
  drop_gone();
  watchers_.push_back(std::move(watcher));
}

void WorkerWatchers::tell_added(const WorkerPeer& worker) {
  drop_gone();
  for (const auto& watcher : watchers_) {
    MessageWriter& out = watcher->next().array(2).text("add").map(1).text("workers").map(1).text(worker.info.address);
    write_worker(out, worker);
  }
}

void WorkerWatchers::tell_removed(std::string_view address) {
  drop_gone();
  for (const auto& watcher : watchers_) watcher->next().array(2).text("remove").text(address);
}

void WorkerWatchers::drop_gone() {
  std::erase_if(watchers_, [](const auto& watcher) { return !watcher->connection().is_open(); });
}

}  // namespace trireme::launcher::dask
