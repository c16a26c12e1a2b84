#include "trireme/collectives/hierarchical.h"

#include <algorithm>
#include <array>
#include <set>
#include <thread>
#include <utility>

#include "level_task.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr auto kGlance = std::chrono::microseconds(50);
// A look at all levels takes microseconds, and the wire far longer: no spinning.
constexpr Patience kPatience = {.spins = 0, .yields = 32};

// An operation of the world's own communicator.
class ForwardTask final : public Task {
 public:
  ForwardTask(Engine& world, Operation operation) : world_(world), peer_(operation.signature.root) {
    if (const auto error = world.error()) std::rethrow_exception(error);
    work_ = world.post(std::move(operation));
  }
  Step advance() override {
    if (!work_->done()) return world_.progress() ? Step::kMoved : Step::kBlocked;
    if (const auto error = work_->error()) std::rethrow_exception(error);
    return Step::kFinished;
  }
  [[nodiscard]] std::vector<int> missing() const override {
    return peer_ < 0 ? std::vector<int>{} : std::vector<int>{peer_};
  }

 private:
  Engine& world_;
  const int peer_;
  WorkPtr work_;
};

std::exception_ptr as_exception(const Failure& failure) noexcept {
  try {
    throw_failure(failure);
  } catch (...) {
    return std::current_exception();
  }
}

std::unique_ptr<PostingCommunicator> ours(std::unique_ptr<Communicator> communicator) {
  if (!communicator) return nullptr;
  if (dynamic_cast<PostingCommunicator*>(communicator.get()) == nullptr) {
    throw ConfigError(
        message("a hierarchical communicator is made of Trireme's own, and \"{}\" is not: make it with "
                "make_tcp, make_mpi, make_shm or make_single",
                communicator->backend()));
  }
  return std::unique_ptr<PostingCommunicator>(static_cast<PostingCommunicator*>(communicator.release()));
}

class HierarchicalTransport final : public Transport {
 public:
  HierarchicalTransport(Levels levels, std::int64_t part_bytes) : levels_(std::move(levels)), part_bytes_(part_bytes) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "hierarchical"; }
  [[nodiscard]] int rank() const noexcept override { return levels_.rank; }
  [[nodiscard]] int size() const noexcept override { return levels_.layout.ranks(); }

  [[nodiscard]] std::unique_ptr<Task> start(const Operation& operation) override {
    if (Parts::serve(operation.signature.kind)) {
      current_ = operation.signature;
      return std::make_unique<LevelTask>(levels_, operation, part_bytes_, is_new(operation.signature));
    }
    return std::make_unique<ForwardTask>(levels_.world->engine(), operation);
  }
  [[nodiscard]] bool has_tags() const noexcept override { return levels_.world->engine().transport().has_tags(); }

  // A level looks at its peers when something of it is waited for; one that nothing waits for may have been left.
  void check_peers() override { abort_.check(); }
  [[nodiscard]] std::string standing(int rank) const override {
    const auto& layout = levels_.layout;
    const int node = layout.node_of(rank);
    if (rank == levels_.rank && current_.sequence > 0) {
      return message("is in {} ({} bytes)", describe(current_), current_.bytes());
    }
    if (node == levels_.own_node()) return levels_.node->engine().transport().standing(layout.local_of(rank));
    const bool is_leader_too = levels_.leader_group && layout.local_of(rank) == levels_.local_rank();
    if (is_leader_too) return levels_.leader_group->engine().transport().standing(node);
    return message("is on the node of rank {}, and talks to this one through leaders", layout.members(node).front());
  }

  [[nodiscard]] Patience patience() const noexcept override { return kPatience; }

  // With work on several levels any may be the next to move: most often the wire, so that wakes and the rest is glanced
  // at.
  void sleep(const std::function<bool()>& moved) override {
    Engine* busy = nullptr;
    int count = 0;
    for_each_level([&](Engine& engine) {
      if (engine.is_idle()) return;
      busy = &engine;
      ++count;
    });
    if (count == 1) return busy->transport().sleep(moved);
    if (moved()) return;
    auto* wire =
        levels_.leader_group && !levels_.leader_group->engine().is_idle() ? &levels_.leader_group->engine() : busy;
    if (wire == nullptr) return std::this_thread::sleep_for(kGlance);
    wire->transport().doze(kGlance);
  }

  void announce(const Failure& failure) noexcept override {
    const auto error = as_exception(failure);
    for_each_level([&](Engine& engine) { engine.fail(error); });
  }
  void abort(std::string_view reason) override {
    abort_.raise(reason);
    for_each_level([&](Engine& engine) { engine.abort(reason); });
  }

  [[nodiscard]] MemoryPtr allocate(std::size_t bytes) override { return levels_.node->allocate(bytes); }

  [[nodiscard]] std::unique_ptr<Transport> split(const Subgroup& subgroup) override;

 private:
  // Whether this is the first such call. All ranks remember the same calls as long as they agree.
  [[nodiscard]] bool is_new(Signature call) {
    constexpr std::size_t kMostCalls = 4096;
    call.sequence = 0;
    if (calls_.size() == kMostCalls) calls_.clear();
    const auto key = make_part({}, call);
    return calls_.emplace(key.parent, key.parent_count).second && call.kind != OpKind::kBarrier;
  }

  template <typename Visit>
  void for_each_level(Visit&& visit) {
    visit(levels_.node->engine());
    if (levels_.leader_group) visit(levels_.leader_group->engine());
    visit(levels_.world->engine());
  }

  Levels levels_;
  const std::int64_t part_bytes_;
  AbortFlag abort_;
  Signature current_;  // the newest collective that was started
  std::set<std::pair<std::uint64_t, std::int64_t>> calls_;
};

// Collective. Leader l of every node joins leader group l.
std::unique_ptr<Transport> join_levels(std::unique_ptr<PostingCommunicator> world,
                                       std::unique_ptr<PostingCommunicator> node, NodeLayout layout, int leaders,
                                       std::int64_t part_bytes) {
  const int rank = world->rank();
  const int local = layout.local_of(rank);
  const int most = layout.smallest();
  Levels levels{
      .layout = std::move(layout), .rank = rank, .leaders = leaders == 0 ? most : std::clamp(leaders, 1, most)};
  levels.leader_group = ours(world->split(local < levels.leaders ? local : -1, rank));
  levels.world = std::move(world);
  levels.node = std::move(node);
  return std::make_unique<HierarchicalTransport>(std::move(levels), part_bytes);
}

// The ranks of a subgroup that share a node go on in that node's order, which shared memory needs.
std::unique_ptr<Transport> HierarchicalTransport::split(const Subgroup& subgroup) {
  const int key = subgroup.rank;
  auto world = ours(levels_.world->split(subgroup.color, key));
  auto node = ours(levels_.node->split(subgroup.color, key));
  if (!world) return nullptr;
  return join_levels(std::move(world), std::move(node), levels_.layout.of(subgroup.members), levels_.leaders,
                     part_bytes_);
}

// A node is known by the world rank of its first member.
NodeLayout find_layout(PostingCommunicator& world, PostingCommunicator& node) {
  std::int32_t first = world.rank();
  node.all_reduce(view(&first, 1), {.op = ReduceOp::kMin})->wait();
  std::vector<std::int32_t> all(static_cast<std::size_t>(world.size()));
  world.all_gather(view(&first, 1), view(all.data(), world.size()), {})->wait();
  NodeLayout layout({all.begin(), all.end()});
  const auto& members = layout.members(layout.node_of(world.rank()));
  if (std::cmp_not_equal(members.size(), node.size()) || layout.local_of(world.rank()) != node.rank()) {
    throw ConfigError(
        message("rank {} is rank {}/{} of its node, but {}/{} by the order of the world: number the ranks "
                "of a node in ascending order",
                world.rank(), node.rank(), node.size(), layout.local_of(world.rank()), members.size()));
  }
  return layout;
}

}  // namespace

std::unique_ptr<Communicator> make_hierarchical(std::unique_ptr<Communicator> world, std::unique_ptr<Communicator> node,
                                                const HierarchicalOptions& options) {
  auto all = ours(std::move(world));
  auto local = ours(std::move(node));
  auto layout = find_layout(*all, *local);
  std::array<std::int64_t, 2> agreed = {options.leaders, static_cast<std::int64_t>(options.part_bytes)};
  all->broadcast(view(agreed.data(), 2), 0, {})->wait();
  const auto leaders = static_cast<int>(agreed[0]);
  return std::make_unique<PostingCommunicator>(
      join_levels(std::move(all), std::move(local), std::move(layout), leaders, agreed[1]), "world");
}

}  // namespace trireme::collectives
