#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trireme/collectives/communicator.h"
#include "trireme/runtime/train_context.h"
#include "trireme/runtime/zero.h"

namespace trireme {

// Where a rank lives, as the ranks tell each other.
struct RankPlace {
  std::string node;
  int local_rank = 0;
  int local_world_size = 1;
};

// How the world is cut for sharded state. Pure, and the same on every rank.
struct ShardLayout {
  bool by_node = false;        // shards go to the ranks of a node first, then to the nodes; else to the world at once
  bool across_shards = false;  // by_node: a node's block is cut again over the nodes; else every node has all of it
  bool shared = false;         // the ranks of a node have one copy of the parameters
  std::string reason;          // why nothing is shared, for logs; empty when it is
};
struct ShardWishes {
  Zero zero = Zero::kOff;
  Sharing sharing = Sharing::kAuto;
  ShardOver over = ShardOver::kWorld;
  bool can_share_memory = true;  // what the backend offers
};
// Throws ConfigError saying what stands against Sharing::kOn.
[[nodiscard]] ShardLayout choose_shard_layout(const std::vector<RankPlace>& places, const ShardWishes& wishes);

// The communicators of a layout, as one rank has them.
//
// Block `l` of a bucket belongs to local rank l; where the nodes shard too, its sub-block `n` to node n. So a rank's
// shard is local_rank * nodes + node: sums inside a node leave it in one piece, and so do gathers between nodes.
struct ShardGroups {
  collectives::Communicator* world = nullptr;
  std::unique_ptr<collectives::Communicator> node = {};    // by_node: this node's ranks
  std::unique_ptr<collectives::Communicator> across = {};  // by_node: the ranks with this local rank; null on one node
  ShardLayout layout = {};
  int shards = 1;  // blocks of a bucket, and
  int shard = 0;   // this rank's

  // The ranks among which a bucket is cut first.
  [[nodiscard]] collectives::Communicator& first() const { return node ? *node : *world; }
  // Of the nodes that hold the same shard, this one speaks for it: writes it to checkpoints, counts its norm.
  [[nodiscard]] bool speaks_for_shard() const { return !across || layout.across_shards || across->rank() == 0; }
};

// Collective.
[[nodiscard]] ShardGroups make_shard_groups(TrainContext& context, Zero zero, Sharing sharing, ShardOver over);

}  // namespace trireme
