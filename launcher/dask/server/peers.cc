#include "dask/server/peers.h"

#include <utility>

namespace trireme::launcher::dask {

WorkerPeer& Workers::add(WorkerPeer worker) {
  addresses_[worker.info.name] = worker.info.address;
  std::string address = worker.info.address;
  const auto added = workers_.insert_or_assign(std::move(address), std::move(worker)).first;
  by_address_[added->first] = &added->second;
  return added->second;
}

void Workers::remove(std::string_view address) {
  const auto found = workers_.find(address);
  if (found == workers_.end()) return;
  addresses_.erase(found->second.info.name);
  by_address_.erase(found->first);
  workers_.erase(found);
}

WorkerPeer* Workers::find(std::string_view address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second;
}

WorkerPeer* Workers::find_by_name(std::string_view name) {
  const auto found = addresses_.find(name);
  return found == addresses_.end() ? nullptr : find(found->second);
}

std::vector<std::string> Workers::running() const {
  std::vector<std::string> addresses;
  for (const auto& [address, worker] : workers_) {
    if (worker.status == "running") addresses.push_back(address);
  }
  return addresses;
}

void Clients::remove(std::string_view id) {
  const auto found = clients_.find(id);
  if (found != clients_.end()) clients_.erase(found);
}

ClientPeer* Clients::find(std::string_view id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : &found->second;
}

}  // namespace trireme::launcher::dask
