#include "agent/network_variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/machine_tree.h"

namespace trireme::launcher {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Key;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

topology::Machine nd96() {
  const test::MachineFolder root("azure-nd96asr-v4");
  return topology::inspect_machine({.root = root.path()});
}

const topology::RankOnNode kRank{.local_rank = 2, .local_size = 8, .peer = "10.0.0.4"};

TEST(NetworkVariables, GiveARankItsAdapterAndInterface) {
  const auto variables = network_variables(nd96(), kRank, {}, false);
  EXPECT_THAT(variables, Contains(Pair("UCX_NET_DEVICES", "mlx5_ib2:1")));
  EXPECT_THAT(variables, Contains(Pair("NCCL_SOCKET_IFNAME", "=eth0")));
  EXPECT_THAT(variables, Contains(Pair("OMPI_MCA_btl_tcp_if_include", "eth0")));
}

TEST(NetworkVariables, LeaveAloneWhatTheUserSet) {
  const auto variables = network_variables(nd96(), kRank, {{"NCCL_IB_HCA", "mlx5_ib7"}}, false);
  EXPECT_THAT(variables, Not(Contains(Key("NCCL_IB_HCA"))));
  EXPECT_THAT(network_variables(nd96(), kRank, {{"TRIREME_TOPOLOGY", "off"}}, false), IsEmpty());
}

TEST(NetworkVariables, LeaveOpenMpisToMpirun) {
  const auto rank = network_variables(nd96(), kRank, {}, true);
  EXPECT_THAT(rank, Not(Contains(Key("OMPI_MCA_btl_tcp_if_include"))));
  EXPECT_THAT(rank, Contains(Key("UCX_NET_DEVICES")));
  EXPECT_THAT(
      mpirun_variables(nd96(), kRank, {}),
      UnorderedElementsAre(Pair("OMPI_MCA_btl_tcp_if_include", "eth0"), Pair("OMPI_MCA_oob_tcp_if_include", "eth0"),
                           Pair("OMPI_MCA_btl", "^openib"), Pair("OMPI_MCA_coll_hcoll_enable", "0")));
}

// The local provider names loopback on mpirun's command line.
TEST(NetworkVariables, AddNothingToMpirunOnOneMachine) {
  EXPECT_THAT(mpirun_variables(nd96(), {.local_size = 2, .peer = "127.0.0.1"}, {}), IsEmpty());
}

}  // namespace
}  // namespace trireme::launcher
