#include "trireme/topology/choices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/machine_tree.h"

namespace trireme::topology {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Machine machine_named(const std::string& name) {
  const test::MachineFolder root(name);
  return inspect_machine({.root = root.path()});
}

std::vector<std::string> nearest_of_all(const Machine& machine, int ranks) {
  std::vector<std::string> names;
  for (int rank = 0; rank < ranks; ++rank) {
    names.push_back(choose_devices(machine, {.local_rank = rank, .local_size = ranks}).nearest.at(0));
  }
  return names;
}

TEST(InterfaceChoice, IsTheSyntheticInterfaceAndNotItsVirtualFunction) {
  for (const auto* name : {"azure-nd96asr-v4", "azure-nc96ads-a100-v4", "azure-hb120rs-v3", "azure-d16s-v6-mana"}) {
    const auto machine = machine_named(name);
    const auto choice = choose_interface(machine, "10.0.0.9");
    EXPECT_EQ(choice.name, "eth0") << name;
    EXPECT_THAT(choice.reason, HasSubstr("the route to 10.0.0.9")) << name;
    EXPECT_THAT(choice.reason, HasSubstr("virtual function enP")) << name;
    EXPECT_EQ(choose_interface(machine, "").name, "eth0") << name;
  }
}

TEST(InterfaceChoice, LeavesTheVirtualFunctionThatARouteNamesForTheWhole) {
  auto machine = machine_named("azure-d16s-v6-mana");
  for (auto& route : machine.routes) route.interface = "enP30832p0s0";
  const auto choice = choose_interface(machine, "10.0.0.9");
  EXPECT_EQ(choice.name, "eth0");
  EXPECT_THAT(choice.reason, HasSubstr("enP30832p0s0 is only a part of eth0"));
}

TEST(InterfaceChoice, StaysWithTheSyntheticInterfaceWhileTheFunctionIsAway) {
  auto machine = machine_named("azure-d16s-v6-mana");
  std::erase_if(machine.nics, [](const Nic& nic) { return nic.name == "enP30832p0s0"; });
  machine.nics[0].lower.clear();
  EXPECT_EQ(choose_interface(machine, "10.0.0.9").name, "eth0");
  EXPECT_EQ(carrier_of(machine, "eth0")->name, "eth0");
}

TEST(InterfaceChoice, FollowsTheLongestPrefix) {
  const auto bare = machine_named("bare-metal-8gpu");
  EXPECT_EQ(choose_interface(bare, "192.168.100.7").name, "ib0");
  EXPECT_EQ(choose_interface(bare, "10.20.3.4").name, "enp226s0");
  EXPECT_EQ(choose_interface(bare, "8.8.8.8").name, "enp226s0");
  const auto laptop = machine_named("laptop");
  EXPECT_EQ(choose_interface(laptop, "172.17.0.2").name, "docker0");
}

TEST(InterfaceChoice, IsLoopbackForThisMachine) {
  EXPECT_EQ(choose_interface(machine_named("laptop"), "127.0.0.1").name, "lo");
}

TEST(InterfaceChoice, NeedsNoPeerWhereOneInterfaceIsUp) {
  const auto laptop = choose_interface(machine_named("laptop"), "");
  EXPECT_EQ(laptop.name, "wlp0s20f3");
  EXPECT_THAT(laptop.reason, HasSubstr("the only"));
  EXPECT_EQ(choose_interface(machine_named("azure-d4s-v5-synthetic"), "").name, "eth0");
}

TEST(InterfaceChoice, TakesTheDefaultRouteAmongSeveral) {
  const auto choice = choose_interface(machine_named("aws-p4d-24xlarge"), "");
  EXPECT_EQ(choice.name, "eth0");
  EXPECT_THAT(choice.reason, HasSubstr("default route"));
}

TEST(InterfaceChoice, IsLeftToTheLibrariesWhereNothingTells) {
  auto machine = machine_named("aws-p4d-24xlarge");
  machine.routes.clear();
  const auto choice = choose_interface(machine, "");
  EXPECT_EQ(choice.name, "");
  EXPECT_THAT(choice.reason, HasSubstr("eth0, eth1, eth2, eth3"));
  machine.nics.clear();
  EXPECT_THAT(choose_interface(machine, "").reason, HasSubstr("no network interface"));
}

TEST(InterfaceChoice, TakesNoHostNameForAnAddress) {
  EXPECT_EQ(choose_interface(machine_named("laptop"), "node0.example").name, "wlp0s20f3");
}

// The pairs of Azure's own topology files.
TEST(DeviceChoice, PairsGpusAndAdaptersOfANumaNode) {
  const auto h100 = machine_named("azure-nd96isr-h100-v5");
  EXPECT_THAT(nearest_of_all(h100, 8), ElementsAre("mlx5_ib0", "mlx5_ib1", "mlx5_ib2", "mlx5_ib3", "mlx5_ib4",
                                                   "mlx5_ib5", "mlx5_ib6", "mlx5_ib7"));
  const auto choice = choose_devices(h100, {.local_rank = 3, .local_size = 8});
  EXPECT_EQ(choice.fabric, Fabric::kInfiniBand);
  EXPECT_EQ(choice.gpu, 3);
  EXPECT_EQ(choice.distance, Distance::kNode);
  EXPECT_THAT(choice.all, SizeIs(8));
  EXPECT_THAT(choice.reason, HasSubstr("NUMA node"));
}

TEST(DeviceChoice, FollowsNumaNodesThatAreNotInOrder) {
  const auto a100 = machine_named("azure-nd96asr-v4");
  // GPUs 0001, 0002 lie on node 1 with adapters 0101, 0102; GPUs 000b, 000c on node 3 with 0105, 0106.
  EXPECT_THAT(nearest_of_all(a100, 8), ElementsAre("mlx5_ib0", "mlx5_ib1", "mlx5_ib2", "mlx5_ib3", "mlx5_ib4",
                                                   "mlx5_ib5", "mlx5_ib6", "mlx5_ib7"));
  EXPECT_EQ(choose_devices(a100, {.local_rank = 6}).distance, Distance::kNode);
}

TEST(DeviceChoice, PrefersTheSamePciSwitch) {
  const auto bare = machine_named("bare-metal-8gpu");
  EXPECT_THAT(nearest_of_all(bare, 8),
              ElementsAre("mlx5_0", "mlx5_1", "mlx5_2", "mlx5_3", "mlx5_4", "mlx5_5", "mlx5_6", "mlx5_7"));
  EXPECT_EQ(choose_devices(bare, {.local_rank = 2}).distance, Distance::kBridges);
}

TEST(DeviceChoice, SharesAnAdapterBetweenTheGpusOfABus) {
  const auto aws = machine_named("aws-p4d-24xlarge");
  EXPECT_THAT(nearest_of_all(aws, 8), ElementsAre("rdmap16s27", "rdmap16s27", "rdmap32s27", "rdmap32s27", "rdmap144s27",
                                                  "rdmap144s27", "rdmap160s27", "rdmap160s27"));
  EXPECT_EQ(choose_devices(aws, {}).fabric, Fabric::kEfa);
}

TEST(DeviceChoice, GivesTheOnlyAdapterToEveryRank) {
  const auto v100 = machine_named("azure-nc24rs-v3");
  EXPECT_THAT(nearest_of_all(v100, 4), ElementsAre("mlx4_0", "mlx4_0", "mlx4_0", "mlx4_0"));
  EXPECT_EQ(choose_devices(v100, {}).distance, Distance::kUnknown);
}

TEST(DeviceChoice, IsNotMisledByNames) {
  const auto choice = choose_devices(machine_named("azure-hb120rs-v3"), {});
  EXPECT_THAT(choice.all, ElementsAre("mlx5_1"));
  EXPECT_EQ(choice.gpu, std::nullopt);
}

TEST(DeviceChoice, RefusesEthernetFunctionsOfAzure) {
  const auto nc = machine_named("azure-nc96ads-a100-v4");
  const auto choice = choose_devices(nc, {});
  EXPECT_EQ(choice.fabric, Fabric::kSockets);
  EXPECT_THAT(choice.all, IsEmpty());
  EXPECT_THAT(choice.reason, HasSubstr("mlx5_0: an Ethernet virtual function of accelerated networking"));
  EXPECT_THAT(choose_devices(machine_named("azure-d16s-v6-mana"), {}).reason, HasSubstr("MANA"));
}

TEST(DeviceChoice, TakesRoceWhereThereIsNoCloud) {
  nlohmann::json description = {
      {"hostname", "roce"}, {"online", "0-1"}, {"packages", {"0-1"}}, {"numa", {"0-1"}}, {"memory_gib", 4}};
  description["functions"] = {{{"id", "15b3:101d"},
                               {"class", "020000"},
                               {"driver", "mlx5_core"},
                               {"rdma", "mlx5_%"},
                               {"layer", "Ethernet"},
                               {"rate", "100 Gb/sec (2X HDR)"},
                               {"net", "ens%"},
                               {"at", {"0000:3b:00.0", "0000:3b:00.1"}}}};
  const test::MachineFolder root(description);
  const auto machine = inspect_machine({.root = root.path()});
  const auto choice = choose_devices(machine, {.local_rank = 3, .local_size = 4});
  EXPECT_EQ(choice.fabric, Fabric::kRoce);
  EXPECT_THAT(choice.all, ElementsAre("mlx5_0", "mlx5_1"));
  EXPECT_THAT(choice.nearest, ElementsAre("mlx5_1"));
  EXPECT_THAT(nearest_of_all(machine, 4), ElementsAre("mlx5_0", "mlx5_0", "mlx5_1", "mlx5_1"));
  EXPECT_THAT(nearest_of_all(machine, 1), ElementsAre("mlx5_0"));
}

TEST(DeviceChoice, LeavesOutPortsThatAreDown) {
  auto machine = machine_named("azure-nd96isr-h100-v5");
  for (auto& device : machine.rdma) {
    if (device.name == "mlx5_ib3") device.is_active = false;
  }
  const auto choice = choose_devices(machine, {.local_rank = 3});
  EXPECT_THAT(choice.all, SizeIs(7));
  EXPECT_THAT(choice.nearest, ElementsAre("mlx5_ib0"));
}

// A node of ND H100 v5 that lost a GPU, as happens: the others keep their pairs within the NUMA node.
TEST(DeviceChoice, SurvivesAMissingGpu) {
  auto machine = machine_named("azure-nd96isr-h100-v5");
  std::erase_if(machine.gpus.gpus, [](const Gpu& gpu) { return gpu.pci_address == "000a:00:00.0"; });
  EXPECT_THAT(nearest_of_all(machine, 7),
              ElementsAre("mlx5_ib0", "mlx5_ib1", "mlx5_ib2", "mlx5_ib3", "mlx5_ib4", "mlx5_ib5", "mlx5_ib6"));
}

}  // namespace
}  // namespace trireme::topology
