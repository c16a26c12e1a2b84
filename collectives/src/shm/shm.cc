#include "trireme/collectives/shm.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include "../part_options.h"
#include "../posting_communicator.h"
#include "../private_memory.h"
#include "arena_table.h"
#include "channel_task.h"
#include "group.h"
#include "inline_task.h"
#include "large_task.h"
#include "rendezvous.h"
#include "trireme/base/error.h"
#include "trireme/base/log.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

// With a core for each rank a peer answers while this one spins, or it computes: then sleeping leaves the core to
// others. Ranks that share cores hand them over by yielding, which costs less than a futex as long as only ranks run.
constexpr Patience kWithOwnCore = {.spins = 2000, .yields = 1};
constexpr Patience kSharingCores = {.spins = 0, .yields = 16};
constexpr std::size_t kSmallestQuarter = 64;  // bytes for each rank, so that a chunk holds an element for each rank

std::string group_name(const ShmOptions& options) { return "shm/" + options.name; }

int global_rank_of(const ShmOptions& options) { return options.global_rank < 0 ? options.rank : options.global_rank; }

// Asked once: counting the cores is a system call.
SegmentShape shape_of(const ShmOptions& options) {
  const auto smallest = kSmallestQuarter * static_cast<std::size_t>(options.size);
  const auto quarter = std::max(options.staging_bytes / Segment::kQuarters, smallest) / kCacheLine * kCacheLine;
  return {options.size, quarter, std::cmp_greater(options.size, std::thread::hardware_concurrency())};
}

// While a group is formed, only ranks that the store knows by the same numbers can be told from others'.
void check_newcomers(const Store& store, const ShmOptions& options) {
  if (store.lost_generation() == 0 || options.global_rank >= 0) return;
  for (const auto& lost : store.lost()) {
    if (lost.rank < 0 || lost.rank >= options.size) continue;
    throw PeerLostError(lost.rank,
                        message("shm group '{}': rank {} on node {} is lost: {}, while rank {}/{} formed the "
                                "group",
                                options.name, lost.rank, lost.node.empty() ? "(unnamed)" : lost.node, lost.cause,
                                options.rank, options.size));
  }
}

// `check` as in Meeting.
Segment open_segment(Store& store, const ShmOptions& options, std::function<void()> check) {
  const auto shape = shape_of(options);
  const auto prepare = [&](Mapping& mapping) { Segment::prepare(mapping, shape); };
  // Before anybody looks who is lost: a rank that is known by no number yet must not pass for rank 0.
  const auto introduce = [&](Mapping& mapping) {
    Segment::slot(mapping, options.rank).global_rank.store(global_rank_of(options), std::memory_order_relaxed);
  };
  const Meeting meeting{store, group_name(options), options.rank, options.size, options.timeout, std::move(check)};
  return Segment(share_mapping(meeting, Segment::bytes_for(shape), prepare, introduce), options.size);
}

class ShmTransport final : public Transport {
 public:
  ShmTransport(Store& store, ShmOptions options, std::function<void()> check)
      : store_(store),
        options_(std::move(options)),
        group_(open_segment(store, options_, std::move(check)), options_.rank, options_.size) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "shm"; }
  [[nodiscard]] int rank() const noexcept override { return options_.rank; }
  [[nodiscard]] int size() const noexcept override { return options_.size; }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override {
    switch (operation.signature.kind) {
      case OpKind::kSend:
        return std::make_unique<SendTask>(group_, operation);
      case OpKind::kReceive:
        return std::make_unique<ReceiveTask>(group_, inbox(operation.signature.root), operation);
      default:
        break;
    }
    if (InlineTask::is_tiny(operation.signature, size(), group_.segment().quarter_bytes())) {
      return std::make_unique<TinyTask>(group_, operation);
    }
    arenas_.forget_released();
    return std::make_unique<LargeTask>(group_, arenas_, operation);
  }

  void check_peers() override {
    group_.check_failure();
    group_.check_left();
    const auto generation = store_.lost_generation();
    if (generation == seen_generation_) return;
    for (const auto& lost : store_.lost()) check_lost(lost);
    seen_generation_ = generation;
  }
  [[nodiscard]] std::string standing(int rank) const override { return group_.standing(rank); }

  [[nodiscard]] Patience patience() const noexcept override {
    return group_.shares_cores() ? kSharingCores : kWithOwnCore;
  }
  void sleep(const std::function<bool()>& moved) override { group_.sleep(moved); }
  // Nobody begins to write into others' memory after this; whoever is at it is waited for, so that the caller may use
  // its buffers again.
  void announce(const Failure& failure) noexcept override {
    group_.tell(failure);
    for (const int writer : group_.await_writers()) warn_of(writer);
  }
  void abort(std::string_view reason) override { group_.tell({FailureKind::kCommunication, -1, std::string(reason)}); }

  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override {
    const auto part = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    const Meeting meeting{store_,           message("{}/arena{}", group_name(options_), made_++),
                          rank(),           size(),
                          options_.timeout, [this] { check_peers(); }};
    const auto prepare = [&](Mapping& mapping) { Arena::prepare(mapping, size()); };
    auto arena = intern_arena(share_mapping(meeting, Arena::bytes_for(part, size()), prepare));
    arenas_.learn(arena->id(), arena);
    return make_arena_memory(std::move(arena), {rank(), part, bytes});
  }

  [[nodiscard]] std::unique_ptr<Transport> split(const Subgroup& subgroup) override {
    if (subgroup.color < 0) return nullptr;
    auto options = part_options(options_, subgroup, global_rank());
    return std::make_unique<ShmTransport>(store_, std::move(options), [this] { check_peers(); });
  }

 private:
  [[nodiscard]] int global_rank() const { return global_rank_of(options_); }

  void check_lost(const LostRank& lost) const {
    for (int member = 0; member < size(); ++member) {
      if (group_.segment().slot(member).global_rank.load(std::memory_order_relaxed) != lost.rank) continue;
      throw PeerLostError(lost.rank, message("rank {} on node {} is lost: {}. It {}; rank {}/{} waits for it",
                                             lost.rank, lost.node.empty() ? "(unnamed)" : lost.node, lost.cause,
                                             group_.standing(member), rank(), size()));
    }
  }

  void warn_of(int writer) const noexcept {
    try {
      log_warn("rank={} event=stopped_while_writing peer={} note=\"end it before shared memory is used again\"",
               global_rank(), writer);
    } catch (const std::exception&) {  // a warning is not worth a second failure
    }
  }

  ChannelInbox& inbox(int from) { return inboxes_.try_emplace(from, group_, from).first->second; }

  Store& store_;
  const ShmOptions options_;
  Group group_;
  ArenaTable arenas_;
  std::map<int, ChannelInbox> inboxes_;  // by sender
  int made_ = 0;                         // arenas
  std::uint64_t seen_generation_ = 0;
};

void check(const ShmOptions& options) {
  if (options.size >= 1 && options.rank >= 0 && options.rank < options.size) return;
  throw ConfigError(message("shm group '{}': rank {} of {} is no rank", options.name, options.rank, options.size));
}

}  // namespace

std::unique_ptr<Communicator> make_shm(Store& store, const ShmOptions& options) {
  check(options);
  return std::make_unique<PostingCommunicator>(
      std::make_unique<ShmTransport>(store, options, [&] { check_newcomers(store, options); }), options.name);
}

}  // namespace trireme::collectives
