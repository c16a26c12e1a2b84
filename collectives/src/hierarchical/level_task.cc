#include "level_task.h"

#include <algorithm>
#include <set>

#include "../copy_elements.h"
#include "../reduce/divide.h"

namespace trireme::collectives {
namespace {

constexpr std::int64_t kAhead = 4;                 // parts that have gone up and not yet down
constexpr auto kForever = std::chrono::years(10);  // the operation's own clock counts

}  // namespace

LevelTask::LevelTask(Levels& levels, const Operation& operation, std::int64_t part_bytes, bool is_new)
    : levels_(levels),
      operation_(operation),
      parts_(operation, levels.rank, levels.layout.ranks(), part_bytes),
      agreements_(is_new ? 1 : 0) {}

Step LevelTask::advance() {
  // Whoever sleeps on a socket must have emptied it, so what moves below counts, also where no part can go on.
  bool moved = progress();
  for (bool again = true; again; moved |= again) {
    again = send_up();
    again |= send_across();
    again |= send_down();
    again |= retire();
  }
  if (retired_ == count()) return Step::kFinished;
  return moved ? Step::kMoved : Step::kBlocked;
}

bool LevelTask::progress() {
  const bool moved = levels_.node->engine().progress();
  return (levels_.leader_group && levels_.leader_group->engine().progress()) || moved;
}

// Fails with what the part of the operation failed with.
bool LevelTask::is_done(const WorkPtr& work) {
  if (!work) return true;
  if (!Engine::has_finished(*work)) return false;
  if (const auto error = work->error()) std::rethrow_exception(error);
  return true;
}

WorkPtr LevelTask::post(PostingCommunicator& group, OpKind kind, Buffer input, Buffer output, int root) {
  const auto op = operation_.signature.op == ReduceOp::kAverage ? ReduceOp::kSum : operation_.signature.op;
  const auto& counted = input.count > 0 ? input : output;
  // The reason, not that the level is dead: all ranks throw the same kind of error.
  if (const auto error = group.engine().error()) std::rethrow_exception(error);
  const Signature part = {
      .count = counted.count, .root = root, .kind = kind, .dtype = operation_.signature.dtype, .op = op};
  return group.engine().post(
      {.signature = make_part(part, operation_.signature), .input = input, .output = output, .timeout = kForever});
}

bool LevelTask::is_roots_node(const UnderWay& way) const {
  return way.part.root >= 0 && levels_.own_node() == levels_.layout.node_of(way.part.root);
}

// Up to which part this rank may have sent up: a pure function of how many went down, the same on all ranks of a node.
std::int64_t LevelTask::ahead() const noexcept {
  return down_ < agreements_ ? agreements_ : std::min(down_ + kAhead, count());
}

bool LevelTask::send_up() {
  // Nothing moves before the ranks have agreed.
  const auto until = retired_ < agreements_ ? agreements_ : ahead();
  const bool any = up_ < until;
  for (; up_ < until; ++up_) {
    auto& way = under_way_.emplace_back();
    if (up_ >= agreements_) way.part = parts_.part(up_ - agreements_);
    way.leader = static_cast<int>(up_ % levels_.leaders);
    go_up(way);
  }
  return any;
}

// A reduction is collected where it will be wanted, or in memory of its own on leaders that do not want it.
void LevelTask::place_partial(UnderWay& way) const {
  if (!is_leader(way)) return;
  way.partial = way.part.output;
  if (way.part.kind == OpKind::kAllReduce || levels_.rank == way.part.root) return;
  way.own.resize(way.part.input.bytes());
  way.partial = way.part.input;
  way.partial.data = way.own.data();
}

void LevelTask::go_up(UnderWay& way) {
  auto& part = way.part;
  switch (part.kind) {
    case OpKind::kBarrier:
      way.up = post(*levels_.node, OpKind::kBarrier, {}, {}, -1);
      return;
    case OpKind::kBroadcast:
      if (levels_.rank == part.root) copy_elements(part.input, part.output);
      if (is_roots_node(way)) {
        way.up = post(*levels_.node, OpKind::kBroadcast, part.output, part.output, local_root(way));
      }
      return;
    default:
      place_partial(way);
      way.up = post(*levels_.node, OpKind::kReduce, part.input, way.partial, way.leader);
  }
}

// In order, and as soon as each has come up.
bool LevelTask::send_across() {
  bool any = false;
  for (auto& way : under_way_) {
    if (!is_leader(way) || way.has_crossed) continue;
    if (!is_done(way.up)) break;
    go_across(way);
    way.has_crossed = true;
    any = true;
  }
  return any;
}

void LevelTask::go_across(UnderWay& way) {
  auto& leaders = *levels_.leader_group;
  const int root = way.part.root < 0 ? -1 : levels_.layout.node_of(way.part.root);
  switch (way.part.kind) {
    case OpKind::kBarrier:
      way.across = post(leaders, OpKind::kBarrier, {}, {}, -1);
      return;
    case OpKind::kBroadcast:
      way.across = post(leaders, OpKind::kBroadcast, way.part.output, way.part.output, root);
      return;
    default:
      way.across = post(leaders, way.part.kind, way.partial, way.partial, root);
  }
}

bool LevelTask::send_down() {
  bool any = false;
  for (; down_ < up_ && up_ == ahead(); ++down_) {
    auto& way = under_way_[static_cast<std::size_t>(down_ - retired_)];
    if (!may_go_down(way)) break;
    go_down(way);
    way.has_gone_down = true;
    any = true;
  }
  return any;
}

bool LevelTask::may_go_down(const UnderWay& way) { return !is_leader(way) || (way.has_crossed && is_done(way.across)); }

void LevelTask::go_down(UnderWay& way) {
  auto& part = way.part;
  const bool holds_result = is_leader(way) && (part.kind == OpKind::kAllReduce || is_roots_node(way));
  if (operation_.signature.op == ReduceOp::kAverage && way.partial.count > 0 && holds_result) {
    divide(way.partial, levels_.layout.ranks());
  }
  switch (part.kind) {
    case OpKind::kBarrier:
      way.down = post(*levels_.node, OpKind::kBarrier, {}, {}, -1);
      return;
    case OpKind::kBroadcast:
      if (is_roots_node(way)) return;
      [[fallthrough]];
    case OpKind::kAllReduce:
      way.down = post(*levels_.node, OpKind::kBroadcast, part.output, part.output, way.leader);
      return;
    default:
      if (!is_roots_node(way) || local_root(way) == way.leader) return;
      if (is_leader(way)) {
        way.down = post(*levels_.node, OpKind::kSend, way.partial, {}, local_root(way));
      } else if (levels_.rank == part.root) {
        way.down = post(*levels_.node, OpKind::kReceive, {}, part.output, way.leader);
      }
  }
}

bool LevelTask::retire() {
  bool any = false;
  while (!under_way_.empty() && under_way_.front().has_gone_down) {
    const auto& way = under_way_.front();
    if (!is_done(way.up) || !is_done(way.down)) break;
    under_way_.pop_front();
    ++retired_;
    any = true;
  }
  return any;
}

Timeout LevelTask::grace(Timeout timeout) const {
  constexpr Timeout kLeast{250};
  constexpr Timeout kMost{5000};
  const auto step = std::clamp(timeout / 4, kLeast, kMost);
  if (under_way_.empty()) return {};
  const auto& way = under_way_.front();
  if (way.up && !Engine::has_finished(*way.up)) return {};
  return is_leader(way) && !way.has_gone_down ? step : 2 * step;
}

// Ranks of this node by their own number; another node by its leader.
std::vector<int> LevelTask::missing() const {
  std::set<int> ranks;
  const auto& own = levels_.layout.members(levels_.own_node());
  for (const int local : levels_.node->engine().missing()) ranks.insert(own[static_cast<std::size_t>(local)]);
  if (levels_.leader_group) {
    const auto leader = static_cast<std::size_t>(levels_.local_rank());
    for (const int node : levels_.leader_group->engine().missing()) ranks.insert(levels_.layout.members(node)[leader]);
  }
  return {ranks.begin(), ranks.end()};
}

}  // namespace trireme::collectives
