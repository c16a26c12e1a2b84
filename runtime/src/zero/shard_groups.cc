#include "zero/shard_groups.h"

#include <map>
#include <sstream>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

using collectives::Communicator;

bool is_even(const std::vector<RankPlace>& places) {
  for (const auto& place : places) {
    if (place.local_world_size != places.front().local_world_size) return false;
  }
  return true;
}

// Empty when the ranks of each node can share.
std::string obstacle(const std::vector<RankPlace>& places, const ShardWishes& wishes) {
  if (wishes.zero == Zero::kOff) return "plain data parallel keeps a copy on every rank";
  if (places.front().local_world_size < 2) return "there is one rank on each node";
  if (!is_even(places)) return "the nodes have unequal numbers of ranks";
  if (!wishes.can_share_memory) return "the backend's ranks share no memory";
  return "";
}

std::string encode(const RankPlace& place) {
  return message("{} {} {}", place.local_rank, place.local_world_size, place.node);
}

RankPlace decode(const std::string& text) {
  RankPlace place;
  std::istringstream in(text);
  in >> place.local_rank >> place.local_world_size;
  in.get();
  std::getline(in, place.node);
  return place;
}

std::vector<RankPlace> exchange_places(TrainContext& context) {
  const auto& environment = context.environment();
  const RankPlace own{environment.node, environment.local_rank, environment.local_world_size};
  std::vector<RankPlace> places;
  for (const auto& text : context.communicator().all_gather_bytes(encode(own))) places.push_back(decode(text));
  return places;
}

// Nodes are numbered by their first rank.
int node_number(const std::vector<RankPlace>& places, const std::string& node) {
  std::map<std::string, int> numbers;
  for (const auto& place : places) numbers.try_emplace(place.node, static_cast<int>(numbers.size()));
  return numbers.at(node);
}

// Collective over `node`: whether its ranks can write into each other's memory.
bool reaches_memory(Communicator& node) {
  const auto probe = node.allocate(1);
  return probe->part(0) != nullptr;
}

}  // namespace

ShardLayout choose_shard_layout(const std::vector<RankPlace>& places, const ShardWishes& wishes) {
  const bool several_nodes = std::cmp_less(places.front().local_world_size, places.size());
  ShardLayout layout;
  layout.reason = wishes.sharing == Sharing::kOff ? "switched off" : obstacle(places, wishes);
  if (wishes.sharing == Sharing::kOn && !layout.reason.empty()) {
    throw ConfigError(
        message("Sharing::kOn cannot be had: {}. Use Sharing::kAuto to share where it is possible.", layout.reason));
  }
  if (wishes.over == ShardOver::kNode && several_nodes && !is_even(places)) {
    throw ConfigError("ShardOver::kNode needs equally many ranks on every node; use ShardOver::kWorld.");
  }
  layout.shared = layout.reason.empty();
  layout.by_node = layout.shared || (wishes.over == ShardOver::kNode && several_nodes && wishes.zero != Zero::kOff);
  layout.across_shards = layout.by_node && several_nodes && wishes.over == ShardOver::kWorld;
  return layout;
}

ShardGroups make_shard_groups(TrainContext& context, Zero zero, Sharing sharing, ShardOver over) {
  ShardGroups groups;
  groups.world = &context.communicator();
  if (zero == Zero::kOff) return groups;
  const auto places = exchange_places(context);
  const auto& own = places[static_cast<std::size_t>(context.rank())];
  const auto number = node_number(places, own.node);
  auto node = groups.world->split(number, context.rank());
  groups.layout = choose_shard_layout(
      places, {.zero = zero, .sharing = sharing, .over = over, .can_share_memory = reaches_memory(*node)});
  groups.shards = groups.world->size();
  groups.shard = groups.world->rank();
  if (!groups.layout.by_node) return groups;
  groups.node = std::move(node);
  groups.shards = groups.node->size();
  groups.shard = groups.node->rank();
  const auto nodes = groups.world->size() / groups.node->size();
  if (nodes == 1) return groups;
  groups.across = groups.world->split(groups.node->rank(), number);
  if (!groups.layout.across_shards) return groups;
  groups.shards *= nodes;
  groups.shard = groups.shard * nodes + groups.across->rank();
  return groups;
}

}  // namespace trireme
