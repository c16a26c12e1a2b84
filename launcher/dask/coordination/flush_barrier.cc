#include "dask/coordination/flush_barrier.h"

namespace trireme::launcher::dask {

bool FlushBarrier::pass(const std::string& client, const std::string& uid, Ticket ticket) {
  const auto [found, is_first] = uids_[client].try_emplace(uid, ticket);
  if (is_first) return false;
  uids_[client].erase(found);
  return true;
}

std::optional<Ticket> FlushBarrier::arrive(const std::string& client, const std::string& uid) {
  const auto [found, is_first] = uids_[client].try_emplace(uid, std::nullopt);
  if (is_first) return std::nullopt;
  const std::optional<Ticket> waiting = found->second;
  if (waiting) uids_[client].erase(found);
  return waiting;
}

void FlushBarrier::forget(Ticket ticket) {
  for (auto& [client, uids] : uids_) {
    std::erase_if(uids, [&](const auto& entry) { return entry.second == ticket; });
  }
}

void FlushBarrier::forget_client(std::string_view client) {
  const auto found = uids_.find(client);
  if (found != uids_.end()) uids_.erase(found);
}

}  // namespace trireme::launcher::dask
