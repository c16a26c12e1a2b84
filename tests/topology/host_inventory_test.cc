#include "trireme/topology/host_inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace trireme::topology {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kKib = 1024;

TEST(HostInventory, ReadsProcessorsMemoryAndNumaNodes) {
  const test::TemporaryFolder root;
  root.write("proc/sys/kernel/hostname", "gpu07\n");
  root.write("proc/meminfo", "MemTotal:       32000 kB\nMemFree:        100 kB\n");
  root.write("sys/devices/system/cpu/online", "0-3\n");
  root.write("sys/devices/system/node/node1/cpulist", "2-3\n");
  root.write("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal:       12000 kB\n");
  root.write("sys/devices/system/node/node0/cpulist", "0-1\n");
  root.write("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal:       20000 kB\n");
  root.write("sys/devices/system/node/online", "0-1\n");
  const HostInventory expected{.hostname = "gpu07",
                               .cores = 4,
                               .memory_bytes = 32000 * kKib,
                               .numa_nodes = {{.index = 0, .cores = {0, 1}, .memory_bytes = 20000 * kKib},
                                              {.index = 1, .cores = {2, 3}, .memory_bytes = 12000 * kKib}}};
  EXPECT_EQ(inspect_host(root.path()), expected);
}

TEST(HostInventory, HasOneNodeWithEverythingOnAKernelWithoutNuma) {
  const test::TemporaryFolder root;
  root.write("proc/meminfo", "MemTotal: 1000 kB\n");
  root.write("proc/cpuinfo", "processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n");
  const auto host = inspect_host(root.path());
  EXPECT_EQ(host.cores, 2);
  EXPECT_THAT(host.numa_nodes, ElementsAre(NumaNode{.index = 0, .cores = {0, 1}, .memory_bytes = 1000 * kKib}));
}

TEST(HostInventory, SortsNodesByNumber) {
  const test::TemporaryFolder root;
  for (const int node : {10, 9, 2}) {
    root.write("sys/devices/system/node/node" + std::to_string(node) + "/cpulist", std::to_string(node));
  }
  const auto host = inspect_host(root.path());
  ASSERT_EQ(host.numa_nodes.size(), 3U);
  EXPECT_EQ(host.numa_nodes[0].index, 2);
  EXPECT_EQ(host.numa_nodes[2].index, 10);
}

TEST(HostInventory, IsZeroWhereNothingCanBeRead) {
  const test::TemporaryFolder root;
  root.write("proc/meminfo", "MemTotal: lots\n");
  const auto host = inspect_host(root.path());
  EXPECT_EQ(host.cores, 0);
  EXPECT_EQ(host.memory_bytes, 0);
  EXPECT_EQ(host.numa_nodes.size(), 1U);
}

TEST(HostInventory, ReadsThisMachine) {
  const auto host = inspect_host();
  EXPECT_GT(host.cores, 0);
  EXPECT_GT(host.memory_bytes, 0);
  EXPECT_FALSE(host.hostname.empty());
}

}  // namespace
}  // namespace trireme::topology
