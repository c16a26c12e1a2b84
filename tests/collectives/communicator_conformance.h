#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "reference.h"
#include "trireme/collectives/communicator.h"

// What every backend must do, as one suite. A program instantiates the two fixtures with its worlds; the tests lie in
// conformance_*.cc.
namespace trireme::collectives::test {

// Runs on every rank; its checks are EXPECT and ASSERT.
using RankBody = std::function<void(Communicator&)>;

// Ranks of one backend: how many, and how a body gets to run on each of them with a new communicator.
struct World {
  std::string name;
  int ranks = 1;
  // Runs the body on every rank, or only on this process's rank where each process is one; fails the test when a rank
  // fails, throws or does not end.
  std::function<void(const RankBody&)> run;
  bool has_tags = true;              // false where messages match by peer and order alone
  std::vector<int> node_sizes = {};  // of backends that reduce each node first
};
inline void PrintTo(const World& world, std::ostream* out) { *out << world.name; }
inline std::string name_of(const testing::TestParamInfo<World>& info) { return info.param.name; }

// Patience of operations that must succeed.
inline constexpr Timeout kPatience = std::chrono::seconds(30);

// In worlds of any size.
class CommunicatorConformance : public testing::TestWithParam<World> {
 protected:
  void SetUp() override { set_node_sizes(GetParam().node_sizes); }
  void on_every_rank(const RankBody& body) { GetParam().run(body); }
  // `wanted`, or the one tag there is.
  [[nodiscard]] int tag(int wanted) const { return GetParam().has_tags ? wanted : 0; }
};

// In worlds of at least two ranks.
class PeerConformance : public CommunicatorConformance {};

}  // namespace trireme::collectives::test
