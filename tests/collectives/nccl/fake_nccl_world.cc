#include "fake_nccl_world.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "operation.h"
#include "reduce/reduce.h"

namespace trireme::collectives::test {
namespace {

constexpr std::size_t kAlignment = std::size_t{2} << 20;

std::byte* at(void* data, std::size_t index, std::size_t bytes) {
  return static_cast<std::byte*>(data) + index * bytes;
}
void copy_bytes(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0 && to != from) std::memmove(to, from, bytes);
}

}  // namespace

// Ranks that must all call something before it takes effect.
struct FakeNcclWorld::Join {
  std::size_t expected = 0;
  std::map<int, std::pair<int, int>> by_rank;  // color and key, for a split
  std::map<int, NcclCommHandle*> handles;
  [[nodiscard]] bool is_complete() const { return by_rank.size() >= expected; }
};

struct FakeNcclWorld::Comm {
  std::shared_ptr<Clique> clique;
  int rank = 0;
  bool is_stopped = false;
  bool is_gone = false;
  std::shared_ptr<Join> joining;
  std::uint64_t collectives = 0;
  std::map<std::pair<int, bool>, std::uint64_t> messages;
  int splits = 0;
  int windows = 0;
};

struct FakeNcclWorld::Request {
  OpKind kind;
  const void* input;
  void* output;
  std::size_t count;
  Dtype type;
  ReduceOp op = ReduceOp::kSum;
  int root = -1;
  [[nodiscard]] bool fits(const Request& other) const {
    return kind == other.kind && count == other.count && type == other.type && op == other.op && root == other.root;
  }
};

struct FakeNcclWorld::Collective {
  std::map<int, Request> by_rank;
  bool is_done = false;
};

struct FakeNcclWorld::Message {
  std::optional<Request> sent;
  std::optional<Request> received;
  bool is_done = false;
};

struct FakeNcclWorld::Clique {
  explicit Clique(int ranks) : size(ranks) {}
  // What ranks call together under this name, `expected` of them.
  std::shared_ptr<Join> join(const std::string& name, std::size_t expected) {
    auto& join = joins[name];
    if (!join) {
      join = std::make_shared<Join>();
      join->expected = expected;
    }
    return join;
  }
  const int size;
  std::map<std::string, std::shared_ptr<Join>> joins;
  std::map<std::uint64_t, Collective> collectives;
  std::map<std::pair<int, int>, std::map<std::uint64_t, Message>> messages;
};

struct FakeNcclWorld::Stream {
  std::deque<Step> steps;
  bool is_own = false;
};

struct FakeNcclWorld::Event {
  std::uint64_t recorded = 0;
  std::uint64_t passed = 0;
};

FakeNcclWorld::FakeNcclWorld() = default;
FakeNcclWorld::~FakeNcclWorld() {
  for (void* data : allocations_) std::free(data);
}

std::shared_ptr<FakeNcclApi> FakeNcclWorld::add_rank() { return std::make_shared<FakeNcclApi>(*this); }

void FakeNcclWorld::hold(bool is_held) {
  const std::lock_guard lock(mutex_);
  is_held_ = is_held;
  run();
}

int FakeNcclWorld::mixed_operations() const {
  const std::lock_guard lock(mutex_);
  return mixed_operations_;
}

int FakeNcclWorld::live_allocations() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(allocations_.size());
}

void FakeNcclWorld::run() {
  for (bool has_moved = true; has_moved;) {
    has_moved = false;
    for (const auto& [handle, stream] : streams_) {
      while (!stream->steps.empty() && stream->steps.front()()) {
        stream->steps.pop_front();
        has_moved = true;
      }
    }
  }
}

FakeNcclWorld::Stream& FakeNcclWorld::stream(void* handle) {
  auto& stream = streams_[handle];
  if (!stream) stream = std::make_unique<Stream>();
  return *stream;
}

FakeNcclWorld::Comm* FakeNcclWorld::make_comm(const std::shared_ptr<Clique>& clique, int rank) {
  comms_.push_back(std::make_unique<Comm>());
  comms_.back()->clique = clique;
  comms_.back()->rank = rank;
  return comms_.back().get();
}

void FakeNcclWorld::compute(Clique& clique, Collective& collective) {
  auto& ranks = collective.by_rank;
  const auto& first = ranks.at(0);
  const auto bytes = first.count * size_of(first.type);
  const auto count = static_cast<std::int64_t>(first.count);
  std::vector<std::vector<std::byte>> inputs;  // copies: outputs may lie where inputs do
  const bool is_reduction =
      first.kind == OpKind::kAllReduce || first.kind == OpKind::kReduce || first.kind == OpKind::kReduceScatter;
  const bool has_blocks =
      first.kind == OpKind::kReduceScatter || first.kind == OpKind::kScatter || first.kind == OpKind::kAllToAll;
  for (int rank = 0; rank < clique.size; ++rank) {
    const bool reads = first.kind != OpKind::kScatter || rank == first.root;
    const auto length = reads ? bytes * (has_blocks ? static_cast<std::size_t>(clique.size) : 1) : 0;
    inputs.emplace_back(length);
    copy_bytes(inputs.back().data(), ranks.at(rank).input, length);
  }
  const auto reduced = [&](std::size_t block) {
    std::vector<const void*> pieces;
    for (auto& input : inputs) pieces.push_back(at(input.data(), block, bytes));
    std::vector<std::byte> result(bytes);
    reduce_in_order(pieces, result.data(), count, first.type, first.op);
    return result;
  };
  std::vector<std::byte> sum;
  if (is_reduction && first.kind != OpKind::kReduceScatter) sum = reduced(0);
  for (int rank = 0; rank < clique.size; ++rank) {
    void* const output = ranks.at(rank).output;
    const auto own = static_cast<std::size_t>(rank);
    if (first.kind == OpKind::kReduceScatter) {
      copy_bytes(output, reduced(own).data(), bytes);
    } else if (is_reduction) {
      if (first.kind == OpKind::kAllReduce || rank == first.root) copy_bytes(output, sum.data(), bytes);
    } else if (first.kind == OpKind::kBroadcast) {
      copy_bytes(output, inputs[static_cast<std::size_t>(first.root)].data(), bytes);
    } else if (first.kind == OpKind::kScatter) {
      copy_bytes(output, at(inputs[static_cast<std::size_t>(first.root)].data(), own, bytes), bytes);
    } else if (first.kind == OpKind::kAllToAll) {
      for (std::size_t peer = 0; peer < inputs.size(); ++peer) {
        copy_bytes(at(output, peer, bytes), at(inputs[peer].data(), own, bytes), bytes);
      }
    } else if (first.kind == OpKind::kAllGather || rank == first.root) {
      for (std::size_t peer = 0; peer < inputs.size(); ++peer)
        copy_bytes(at(output, peer, bytes), inputs[peer].data(), bytes);
    }
  }
  collective.is_done = true;
}

std::vector<std::string> FakeNcclApi::calls() const {
  const std::lock_guard lock(world_.mutex_);
  return calls_;
}

void FakeNcclApi::forget_calls() {
  const std::lock_guard lock(world_.mutex_);
  calls_.clear();
}

void FakeNcclApi::wait_for_call(const std::string& beginning) const {
  std::unique_lock lock(world_.mutex_);
  world_.called_.wait(lock, [&] {
    return std::ranges::any_of(calls_, [&](const std::string& call) { return call.starts_with(beginning); });
  });
}

void FakeNcclApi::set_async_error(NcclResult error) {
  const std::lock_guard lock(world_.mutex_);
  async_error_ = error;
}

void FakeNcclApi::set_result_of_operations(NcclResult result) {
  const std::lock_guard lock(world_.mutex_);
  result_of_operations_ = result;
}

void FakeNcclApi::set_settles(bool settles) {
  const std::lock_guard lock(world_.mutex_);
  settles_ = settles;
}

void FakeNcclApi::note(std::string call) {
  calls_.push_back(std::move(call));
  world_.called_.notify_all();
}

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

NcclResult FakeNcclApi::group_start() {
  const std::lock_guard lock(world_.mutex_);
  note("group {");
  ++group_depth_;
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::group_end() {
  const std::lock_guard lock(world_.mutex_);
  note("}");
  --group_depth_;
  const auto parts = std::make_shared<std::vector<World::Step>>(std::exchange(grouped_, {}));
  world_.stream(grouped_stream_).steps.emplace_back([parts] {
    std::erase_if(*parts, [](const World::Step& part) { return part(); });
    return parts->empty();
  });
  world_.run();
  return NcclResult::kSuccess;
}

// Under the world's mutex.
void FakeNcclApi::give(CudaStreamHandle stream, World::Step step) {
  if (group_depth_ > 0) {
    grouped_stream_ = stream;
    grouped_.push_back(std::move(step));
    return;
  }
  world_.stream(stream).steps.push_back(std::move(step));
  world_.run();
}

NcclResult FakeNcclApi::post(NcclCommHandle comm, CudaStreamHandle stream, World::Request request) {
  const std::lock_guard lock(world_.mutex_);
  note(std::string(to_string(request.kind)) + " " + std::to_string(request.count) + " " + to_string(request.type) +
       (request.kind == OpKind::kAllReduce || request.kind == OpKind::kReduceScatter
            ? std::string(" ") + to_string(request.op)
            : "") +
       (request.root >= 0 ? " root " + std::to_string(request.root) : ""));
  if (result_of_operations_ != NcclResult::kSuccess) return result_of_operations_;
  auto* caller = reinterpret_cast<World::Comm*>(comm);
  const auto index = caller->collectives++;
  give(stream, [this, caller, index, request] {
    if (caller->is_stopped) return true;
    auto& clique = *caller->clique;
    auto& collective = clique.collectives[index];
    const bool is_last = collective.by_rank.emplace(caller->rank, request).second &&
                         collective.by_rank.size() == static_cast<std::size_t>(clique.size);
    if (is_last) {
      const auto differs = [&](const auto& entry) { return !entry.second.fits(request); };
      if (std::ranges::any_of(collective.by_rank, differs)) {
        ++world_.mixed_operations_;
        return false;
      }
    }
    const bool is_complete = collective.by_rank.size() == static_cast<std::size_t>(clique.size);
    if (is_complete && !collective.is_done && !world_.is_held_ &&
        std::ranges::all_of(collective.by_rank, [&](const auto& entry) { return entry.second.fits(request); })) {
      world_.compute(clique, collective);
    }
    return collective.is_done;
  });
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::post_message(NcclCommHandle comm, CudaStreamHandle stream, bool is_send, int peer, void* data,
                                     std::size_t count, Dtype type) {
  const std::lock_guard lock(world_.mutex_);
  note((is_send ? "send " : "receive ") + std::to_string(count) + (is_send ? " to " : " from ") + std::to_string(peer));
  if (result_of_operations_ != NcclResult::kSuccess) return result_of_operations_;
  auto* caller = reinterpret_cast<World::Comm*>(comm);
  const auto index = caller->messages[{peer, is_send}]++;
  const World::Request request{is_send ? OpKind::kSend : OpKind::kReceive, data, data, count, type};
  give(stream, [this, caller, peer, is_send, index, request] {
    if (caller->is_stopped) return true;
    const auto pair = is_send ? std::pair(caller->rank, peer) : std::pair(peer, caller->rank);
    auto& message = caller->clique->messages[pair][index];
    (is_send ? message.sent : message.received) = request;
    if (message.is_done || !message.sent || !message.received || world_.is_held_) return message.is_done;
    if (message.sent->count != message.received->count || message.sent->type != message.received->type) {
      ++world_.mixed_operations_;
      return false;
    }
    copy_bytes(message.received->output, message.sent->input, request.count * size_of(request.type));
    return message.is_done = true;
  });
  return NcclResult::kSuccess;
}

NcclResult FakeNcclApi::all_reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                                   NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kAllReduce, input, output, count, type, op});
}
NcclResult FakeNcclApi::reduce_scatter(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op,
                                       NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kReduceScatter, input, output, count, type, op});
}
NcclResult FakeNcclApi::reduce(const void* input, void* output, std::size_t count, Dtype type, ReduceOp op, int root,
                               NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kReduce, input, output, count, type, op, root});
}
NcclResult FakeNcclApi::all_gather(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                                   CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kAllGather, input, output, count, type});
}
NcclResult FakeNcclApi::broadcast(const void* input, void* output, std::size_t count, Dtype type, int root,
                                  NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kBroadcast, input, output, count, type, ReduceOp::kSum, root});
}
NcclResult FakeNcclApi::gather(const void* input, void* output, std::size_t count, Dtype type, int root,
                               NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kGather, input, output, count, type, ReduceOp::kSum, root});
}
NcclResult FakeNcclApi::scatter(const void* input, void* output, std::size_t count, Dtype type, int root,
                                NcclCommHandle comm, CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kScatter, input, output, count, type, ReduceOp::kSum, root});
}
NcclResult FakeNcclApi::all_to_all(const void* input, void* output, std::size_t count, Dtype type, NcclCommHandle comm,
                                   CudaStreamHandle stream) {
  return post(comm, stream, {OpKind::kAllToAll, input, output, count, type});
}
NcclResult FakeNcclApi::send(const void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                             CudaStreamHandle stream) {
  return post_message(comm, stream, true, peer, const_cast<void*>(data), count, type);
}
NcclResult FakeNcclApi::receive(void* data, std::size_t count, Dtype type, int peer, NcclCommHandle comm,
                                CudaStreamHandle stream) {
  return post_message(comm, stream, false, peer, data, count, type);
}

CudaResult FakeNcclApi::get_device_count(int* count) {
  *count = devices;
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::set_device(int) { return CudaResult::kSuccess; }

CudaResult FakeNcclApi::stream_create(CudaStreamHandle* stream) {
  const std::lock_guard lock(world_.mutex_);
  auto made = std::make_unique<World::Stream>();
  made->is_own = true;
  *stream = reinterpret_cast<CudaStreamHandle>(made.get());
  world_.streams_[*stream] = std::move(made);
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::stream_destroy(CudaStreamHandle) { return CudaResult::kSuccess; }  // runs on, as CUDA's do

CudaResult FakeNcclApi::stream_wait_event(CudaStreamHandle stream, CudaEventHandle event) {
  const std::lock_guard lock(world_.mutex_);
  auto& waiting = world_.stream(stream);
  note(waiting.is_own ? "own stream waits" : "caller's stream waits");
  auto* awaited = reinterpret_cast<World::Event*>(event);
  waiting.steps.emplace_back([awaited, turn = awaited->recorded] { return awaited->passed >= turn; });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::event_create(CudaEventHandle* event) {
  const std::lock_guard lock(world_.mutex_);
  auto made = std::make_unique<World::Event>();
  *event = reinterpret_cast<CudaEventHandle>(made.get());
  world_.events_[*event] = std::move(made);
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::event_destroy(CudaEventHandle) { return CudaResult::kSuccess; }  // streams may still pass it

CudaResult FakeNcclApi::event_record(CudaEventHandle event, CudaStreamHandle stream) {
  const std::lock_guard lock(world_.mutex_);
  auto* recorded = reinterpret_cast<World::Event*>(event);
  world_.stream(stream).steps.emplace_back([recorded, turn = ++recorded->recorded] {
    recorded->passed = std::max(recorded->passed, turn);
    return true;
  });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::event_query(CudaEventHandle event) {
  const std::lock_guard lock(world_.mutex_);
  world_.run();
  const auto& asked = *reinterpret_cast<World::Event*>(event);
  return asked.passed >= asked.recorded ? CudaResult::kSuccess : CudaResult::kNotReady;
}

CudaResult FakeNcclApi::memory_alloc(void** data, std::size_t bytes, CudaStreamHandle) {
  const std::lock_guard lock(world_.mutex_);
  *data = std::malloc(std::max<std::size_t>(bytes, 1));
  world_.allocations_.insert(*data);
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::memory_free(void* data, CudaStreamHandle stream) {
  const std::lock_guard lock(world_.mutex_);
  world_.stream(stream).steps.emplace_back([this, data] {
    world_.allocations_.erase(data);
    std::free(data);
    return true;
  });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::memory_copy(void* to, const void* from, std::size_t bytes, CudaStreamHandle stream) {
  const std::lock_guard lock(world_.mutex_);
  world_.stream(stream).steps.emplace_back([=] {
    copy_bytes(to, from, bytes);
    return true;
  });
  world_.run();
  return CudaResult::kSuccess;
}

CudaResult FakeNcclApi::memory_clear(void* data, std::size_t bytes) {
  std::memset(data, 0, bytes);
  return CudaResult::kSuccess;
}

const char* FakeNcclApi::get_error_string(CudaResult) { return "a CUDA error"; }

std::chrono::steady_clock::time_point FakeNcclApi::now() {
  if (!has_manual_clock) return std::chrono::steady_clock::now();
  const std::lock_guard lock(world_.mutex_);
  return time_;
}

void FakeNcclApi::pause() {
  if (!has_manual_clock) return std::this_thread::sleep_for(std::chrono::microseconds(20));
  const std::lock_guard lock(world_.mutex_);
  time_ += std::chrono::milliseconds(10);
}

}  // namespace trireme::collectives::test
