#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "fake_nccl_state.h"

// NCCL's communicators, and the memory that belongs to them.
namespace trireme::collectives::test {
namespace {

constexpr std::size_t kAlignment = std::size_t{2} << 20;

}  // namespace

NcclResult FakeNcclApi::get_versions(NcclVersions* result) {
  *result = versions;
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::get_unique_id(NcclUniqueId* id) {
  const std::lock_guard lock(world_.mutex_);
  note("get_unique_id");
  const auto text = "id " + std::to_string(++world_.ids_) + " ";
  std::ranges::copy(text, id->bytes.begin());
  id->bytes.back() = 'z';
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::comm_init(NcclCommHandle* comm, int ranks, int rank, std::span<NcclUniqueId> ids,
                                  const std::string& name) {
  const std::lock_guard lock(world_.mutex_);
  std::string key;
  for (const auto& id : ids) key += std::string(id.bytes.data(), id.bytes.size());
  note("init " + std::to_string(ids.size()) + " " + name);
  auto& clique = world_.cliques_[key];
  if (!clique) clique = std::make_shared<World::Clique>(ranks);
  const auto join = clique->join("init", static_cast<std::size_t>(ranks));
  auto* made = world_.make_comm(clique, rank);
  join->by_rank[rank] = {};
  made->joining = join;
  *comm = reinterpret_cast<NcclCommHandle>(made);
  return NcclResult::kInProgress;
}

NcclResult FakeNcclApi::comm_split(NcclCommHandle comm, int color, int key, NcclCommHandle* part, const std::string&) {
  const std::lock_guard lock(world_.mutex_);
  auto& parent = *reinterpret_cast<World::Comm*>(comm);
  note("split " + std::to_string(color) + " " + std::to_string(key));
  const auto size = static_cast<std::size_t>(parent.clique->size);
  const auto join = parent.clique->join("split " + std::to_string(parent.splits++), size);
  join->by_rank[parent.rank] = {color, key};
  join->handles[parent.rank] = part;
  parent.joining = join;
  if (!join->is_complete()) return NcclResult::kInProgress;
  std::map<int, std::vector<std::pair<int, int>>> groups;  // by color: key and rank
  for (const auto& [rank, chosen] : join->by_rank) groups[chosen.first].emplace_back(chosen.second, rank);
  for (auto& [chosen, members] : groups) {
    std::ranges::sort(members);
    const auto clique = std::make_shared<World::Clique>(static_cast<int>(members.size()));
    for (std::size_t rank = 0; rank < members.size(); ++rank) {
      *join->handles[members[rank].second] =
          chosen < 0 ? nullptr : reinterpret_cast<NcclCommHandle>(world_.make_comm(clique, static_cast<int>(rank)));
    }
  }
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::comm_shrink(NcclCommHandle comm, std::span<int> excluded, NcclCommHandle* rest,
                                    const std::string&) {
  const std::lock_guard lock(world_.mutex_);
  if (!can_shrink) return NcclResult::kInvalidUsage;
  auto& parent = *reinterpret_cast<World::Comm*>(comm);
  std::string key = "shrink";
  for (int rank : excluded) key += " " + std::to_string(rank);
  note(key);
  const auto size = static_cast<std::size_t>(parent.clique->size) - excluded.size();
  const auto join = parent.clique->join(key, size);
  join->by_rank[parent.rank] = {};
  join->handles[parent.rank] = rest;
  parent.joining = join;
  if (!join->is_complete()) return NcclResult::kInProgress;
  const auto clique = std::make_shared<World::Clique>(static_cast<int>(size));
  int next = 0;
  for (const auto& [rank, handle] : join->handles) {
    *handle = reinterpret_cast<NcclCommHandle>(world_.make_comm(clique, next++));
  }
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::comm_place(NcclCommHandle comm, int* rank, int* size) {
  const std::lock_guard lock(world_.mutex_);
  const auto& asked = *reinterpret_cast<World::Comm*>(comm);
  *rank = asked.rank;
  *size = asked.clique->size;
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::comm_get_async_error(NcclCommHandle comm, NcclResult* error) {
  const std::lock_guard lock(world_.mutex_);
  const auto& asked = *reinterpret_cast<World::Comm*>(comm);
  *error = async_error_;
  if (!settles_ || (asked.joining && !asked.joining->is_complete())) *error = NcclResult::kInProgress;
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::stop(NcclCommHandle comm, const char* how) {
  const std::lock_guard lock(world_.mutex_);
  auto& stopped = *reinterpret_cast<World::Comm*>(comm);
  stopped.is_stopped = true;
  if (stopped.joining) stopped.joining->handles.erase(stopped.rank);  // nobody writes there any more
  stopped.joining.reset();
  // Nobody reads or writes this rank's memory from now on: what is not done never will be.
  for (auto& [index, collective] : stopped.clique->collectives) {
    if (!collective.is_done) collective.by_rank.erase(stopped.rank);
  }
  for (auto& [pair, messages] : stopped.clique->messages) {
    for (auto& [index, message] : messages) {
      if (pair.first == stopped.rank) message.sent.reset();
      if (pair.second == stopped.rank) message.received.reset();
    }
  }
  world_.run();
  note(how);
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::comm_abort(NcclCommHandle comm) { return stop(comm, "abort"); }

NcclResult FakeNcclApi::comm_revoke(NcclCommHandle comm) {
  return can_revoke ? stop(comm, "revoke") : NcclResult::kInvalidUsage;
}

NcclResult FakeNcclApi::comm_destroy(NcclCommHandle comm) { return stop(comm, "destroy"); }

const char* FakeNcclApi::get_error_string(NcclResult result) {
  return result == NcclResult::kRemoteError ? "remote error" : "another error";
}

std::string FakeNcclApi::get_last_error(NcclCommHandle) { return "as the fake was told"; }

NcclResult FakeNcclApi::mem_alloc(void** data, std::size_t bytes) {
  const std::lock_guard lock(world_.mutex_);
  *data = std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  std::memset(*data, 0x55, bytes);
  world_.allocations_.insert(*data);
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::mem_free(void* data) {
  const std::lock_guard lock(world_.mutex_);
  if (world_.allocations_.erase(data) == 0) return NcclResult::kInvalidUsage;
  std::free(data);
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::comm_register(NcclCommHandle, void* data, std::size_t, void** handle) {
  const std::lock_guard lock(world_.mutex_);
  note("register");
  *handle = data;
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::comm_deregister(NcclCommHandle, void*) {
  const std::lock_guard lock(world_.mutex_);
  note("deregister");
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::window_register(NcclCommHandle comm, void* data, std::size_t, NcclWindowHandle* window) {
  const std::lock_guard lock(world_.mutex_);
  auto& caller = *reinterpret_cast<World::Comm*>(comm);
  note("window");
  const auto join =
      caller.clique->join("window " + std::to_string(caller.windows++), static_cast<std::size_t>(caller.clique->size));
  join->by_rank[caller.rank] = {};
  caller.joining = join;
  *window = has_symmetric_windows ? data : nullptr;
  return NcclResult::kInProgress;
}

NcclResult FakeNcclApi::window_deregister(NcclCommHandle, NcclWindowHandle) {
  const std::lock_guard lock(world_.mutex_);
  note("close window");
  return NcclResult::kSuccess;
}

}  // namespace trireme::collectives::test
