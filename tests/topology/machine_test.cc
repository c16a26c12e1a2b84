#include "trireme/topology/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/machine_tree.h"
#include "support/temporary_folder.h"

namespace trireme::topology {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Machine machine_of(const nlohmann::json& description) {
  const test::MachineFolder root(description);
  return inspect_machine({.root = root.path()});
}
Machine machine_named(const std::string& name) { return machine_of(test::machine_description(name)); }

// The least a machine is made of.
nlohmann::json small_machine() {
  return {{"hostname", "small"}, {"online", "0-1"}, {"packages", {"0-1"}},
          {"numa", {"0-1"}},     {"memory_gib", 4}, {"kernel", "6.1.0"}};
}

const Nic& nic_of(const Machine& machine, const std::string& name) {
  const auto* nic = machine.find_nic(name);
  if (nic == nullptr) throw std::runtime_error("no interface " + name);
  return *nic;
}

Distance distance(const Machine& machine, const std::string& a, const std::string& b) {
  return distance_between(*machine.find_pci(a), *machine.find_pci(b));
}

TEST(Machine, ReadsProcessorsOfAVirtualMachine) {
  const auto machine = machine_named("azure-hb120rs-v3");
  EXPECT_EQ(machine.host.cores, 120);
  EXPECT_EQ(machine.host.memory_bytes, std::int64_t{448} << 30U);
  ASSERT_THAT(machine.host.numa_nodes, SizeIs(4));
  EXPECT_THAT(machine.host.numa_nodes[3].cores, SizeIs(30));
  EXPECT_EQ(machine.numa_distances.at(0), (std::vector<int>{10, 12, 32, 32}));
  ASSERT_THAT(machine.packages, SizeIs(2));
  EXPECT_EQ(machine.packages[1].model, "AMD EPYC 7V73X 64-Core Processor");
  EXPECT_THAT(machine.packages[1].cores, SizeIs(60));
  ASSERT_THAT(machine.caches, SizeIs(16));
  EXPECT_EQ(machine.caches[0].bytes, std::int64_t{96} << 20U);
  EXPECT_TRUE(machine.platform.is_virtual);
  EXPECT_EQ(machine.platform.cloud, Cloud::kAzure);
}

TEST(Machine, TellsTheSyntheticInterfaceFromTheVirtualFunctionBelowIt) {
  const auto machine = machine_named("azure-nd96asr-v4");
  const auto& synthetic = nic_of(machine, "eth0");
  EXPECT_EQ(synthetic.kind, NicKind::kParavirtual);
  EXPECT_EQ(synthetic.family, NicFamily::kNetvsc);
  EXPECT_EQ(synthetic.driver, "hv_netvsc");
  EXPECT_THAT(synthetic.lower, ElementsAre("enP41925s1np0"));
  const auto& function = nic_of(machine, "enP41925s1np0");
  EXPECT_EQ(function.kind, NicKind::kVirtualFunction);
  EXPECT_EQ(function.family, NicFamily::kMellanox);
  EXPECT_EQ(function.driver, "mlx5_core");
  EXPECT_EQ(function.pci_address, "a3c5:00:02.0");
  EXPECT_EQ(function.master, "eth0");
  EXPECT_EQ(function.megabits, 50000);
  EXPECT_EQ(function.rdma_device, "mlx5_an0");
}

TEST(Machine, ReadsInfiniBandDevices) {
  const auto machine = machine_named("azure-nd96asr-v4");
  ASSERT_THAT(machine.rdma, SizeIs(9));
  const auto& ethernet = machine.rdma[0];
  EXPECT_EQ(ethernet.name, "mlx5_an0");
  EXPECT_EQ(ethernet.link_layer, "Ethernet");
  const auto& first = machine.rdma[1];
  EXPECT_EQ(first.name, "mlx5_ib0");
  EXPECT_EQ(first.link_layer, "InfiniBand");
  EXPECT_EQ(first.kind, NicKind::kVirtualFunction);
  EXPECT_EQ(first.model, "ConnectX-6 virtual function");
  EXPECT_EQ(first.numa_node, 1);
  EXPECT_EQ(first.gigabits, 200);
  EXPECT_TRUE(first.is_active);
  EXPECT_EQ(first.netdev, "ib0");
  EXPECT_EQ(first.partition_keys[0], 0x800b);
  EXPECT_EQ(nic_of(machine, "ib0").link_layer, "InfiniBand");
}

TEST(Machine, RecognisesManaAsAVirtualFunction) {
  const auto machine = machine_named("azure-d16s-v6-mana");
  const auto& function = nic_of(machine, "enP30832p0s0");
  EXPECT_EQ(function.kind, NicKind::kVirtualFunction);
  EXPECT_EQ(function.family, NicFamily::kMana);
  EXPECT_EQ(function.megabits, std::nullopt);
  EXPECT_EQ(nic_of(machine, "eth0").lower, std::vector<std::string>{"enP30832p0s0"});
}

TEST(Machine, SeesThatNothingLiesBelowTheSyntheticInterface) {
  const auto machine = machine_named("azure-d4s-v5-synthetic");
  EXPECT_THAT(nic_of(machine, "eth0").lower, IsEmpty());
  EXPECT_THAT(machine.pci, IsEmpty());
}

TEST(Machine, RecognisesAmazonsAdapters) {
  const auto machine = machine_named("aws-p4d-24xlarge");
  EXPECT_EQ(machine.platform.cloud, Cloud::kAws);
  ASSERT_THAT(machine.rdma, SizeIs(4));
  EXPECT_EQ(machine.rdma[0].model, "Elastic Fabric Adapter");
  EXPECT_EQ(machine.rdma[0].kind, NicKind::kVirtualFunction);
  EXPECT_EQ(machine.rdma[0].netdev, "");
  EXPECT_EQ(nic_of(machine, "eth0").model, "Elastic Network Adapter");
  EXPECT_EQ(nic_of(machine, "eth3").numa_node, 1);
  EXPECT_THAT(machine.gpus.gpus, SizeIs(8));
  EXPECT_EQ(machine.gpus.usable_gpus(), 8);
  EXPECT_EQ(machine.gpus.gpus[4].numa_node, 1);
}

TEST(Machine, FollowsThePciTreeOfBareMetal) {
  const auto machine = machine_named("bare-metal-8gpu");
  EXPECT_FALSE(machine.platform.is_virtual);
  EXPECT_FALSE(hides_pci_tree(machine));
  EXPECT_EQ(distance(machine, "0000:07:00.0", "0000:0f:00.0"), Distance::kOneBridge);
  EXPECT_EQ(distance(machine, "0000:07:00.0", "0000:0c:00.0"), Distance::kBridges);
  EXPECT_EQ(distance(machine, "0000:07:00.0", "0000:4b:00.0"), Distance::kSystem);
  EXPECT_EQ(machine.find_pci("0000:0c:00.0")->path.size(), 6U);
  EXPECT_EQ(machine.find_pci("0000:0c:00.0")->link_speed, "16.0 GT/s PCIe");
  EXPECT_EQ(machine.find_pci("0000:0c:00.0")->most_virtual_functions, 8);
  EXPECT_EQ(nic_of(machine, "enp226s0").kind, NicKind::kPhysicalFunction);
  EXPECT_EQ(machine.rdma[0].kind, NicKind::kPhysicalFunction);
}

TEST(Machine, MeasuresDistancesOfFunctionsWithoutATree) {
  const auto machine = machine_named("azure-nd96isr-h100-v5");
  EXPECT_TRUE(hides_pci_tree(machine));
  EXPECT_EQ(distance(machine, "0001:00:00.0", "0104:00:00.0"), Distance::kNode);
  EXPECT_EQ(distance(machine, "0001:00:00.0", "0105:00:00.0"), Distance::kSystem);
  const auto aws = machine_named("aws-p4d-24xlarge");
  EXPECT_TRUE(hides_pci_tree(aws));
  EXPECT_EQ(distance(aws, "0000:10:1c.0", "0000:10:1b.0"), Distance::kHostBridge);
  const auto old = machine_named("azure-nc24rs-v3");
  EXPECT_EQ(distance(old, "0001:00:00.0", "86fc:00:02.0"), Distance::kUnknown);
}

TEST(Machine, KnowsWhatLetsNetworkCardsReachGpuMemory) {
  const auto peer = machine_named("azure-nd96asr-v4").gpu_direct;
  EXPECT_EQ(peer.peer_memory, "nvidia_peermem");
  EXPECT_TRUE(peer.dma_buf);
  const auto old = machine_named("azure-nc24rs-v3").gpu_direct;
  EXPECT_FALSE(old.is_there());
  // Linux 5.10 has no dma-buf for it, whatever the driver.
  EXPECT_FALSE(machine_named("aws-p4d-24xlarge").gpu_direct.dma_buf);
}

TEST(Machine, FindsTheTopologyFileThatTheImageBrings) {
  const auto named = machine_named("azure-nd96isr-h100-v5").nccl_topology;
  EXPECT_EQ(named.path, "/opt/microsoft/ndv5-topo.xml");
  EXPECT_TRUE(named.is_used_by_itself);
  const auto lying = machine_named("azure-nd96asr-v4").nccl_topology;
  EXPECT_EQ(lying.path, "/opt/microsoft/ndv4-topo.xml");
  EXPECT_FALSE(lying.is_used_by_itself);
  auto description = small_machine();
  description["files"]["var/run/nvidia-topologyd/virtualTopology.xml"] = "<system/>";
  EXPECT_TRUE(machine_of(description).nccl_topology.is_used_by_itself);
  EXPECT_EQ(machine_named("laptop").nccl_topology.path, "");
}

TEST(Machine, TellsPhysicalFunctionsFromTheVirtualOnesMadeOfThem) {
  auto description = small_machine();
  description["functions"] = {{{"id", "8086:1592"},
                               {"class", "020000"},
                               {"driver", "ice"},
                               {"net", "ens1f0"},
                               {"at", {"pci0000:3b/0000:3b:00.0"}},
                               {"most_virtual_functions", 64},
                               {"virtual_functions", 1}},
                              {{"id", "8086:1889"},
                               {"class", "020000"},
                               {"driver", "iavf"},
                               {"net", "ens1f0v0"},
                               {"at", {"pci0000:3b/0000:3b:01.0"}},
                               {"physical_function", "0000:3b:00.0"}},
                              // An id that is in no table: the link to the physical function tells.
                              {{"id", "1234:5678"},
                               {"class", "020000"},
                               {"driver", "novel"},
                               {"net", "ens1f0v1"},
                               {"at", {"pci0000:3b/0000:3b:01.1"}},
                               {"physical_function", "0000:3b:00.0"}}};
  const auto machine = machine_of(description);
  EXPECT_EQ(nic_of(machine, "ens1f0").kind, NicKind::kPhysicalFunction);
  EXPECT_EQ(machine.find_pci("0000:3b:00.0")->virtual_functions, 1);
  EXPECT_EQ(nic_of(machine, "ens1f0v0").kind, NicKind::kVirtualFunction);
  EXPECT_EQ(nic_of(machine, "ens1f0v0").family, NicFamily::kIntel);
  EXPECT_EQ(machine.find_pci("0000:3b:01.0")->physical_function, "0000:3b:00.0");
  EXPECT_EQ(nic_of(machine, "ens1f0v1").kind, NicKind::kVirtualFunction);
}

TEST(Machine, RecognisesVirtioOneFolderBelowItsFunction) {
  auto description = small_machine();
  description["functions"] = {{{"id", "1af4:1041"},
                               {"class", "020000"},
                               {"virtio", "virtio2"},
                               {"net", "ens3"},
                               {"at", {"pci0000:00/0000:00:03.0"}}}};
  const auto machine = machine_of(description);
  EXPECT_EQ(nic_of(machine, "ens3").kind, NicKind::kParavirtual);
  EXPECT_EQ(nic_of(machine, "ens3").family, NicFamily::kVirtio);
  EXPECT_EQ(nic_of(machine, "ens3").driver, "virtio_net");
  EXPECT_EQ(nic_of(machine, "ens3").pci_address, "0000:00:03.0");
}

TEST(Machine, ReadsTheIommusWay) {
  auto description = small_machine();
  description["functions"] = {{{"id", "15b3:1021"},
                               {"class", "020700"},
                               {"driver", "mlx5_core"},
                               {"iommu", "DMA-FQ"},
                               {"at", {"0000:3b:00.0"}}}};
  EXPECT_EQ(machine_of(description).find_pci("0000:3b:00.0")->iommu, "DMA-FQ");
}

TEST(Machine, ReadsRoutes) {
  EXPECT_THAT(machine_named("laptop").routes,
              ElementsAre(Route{"wlp0s20f3", 0, 0}, Route{"wlp0s20f3", 0xc0a80100, 0xffffff00},
                          Route{"docker0", 0xac110000, 0xffff0000}));
}

TEST(Machine, TellsDevicesFromSoftware) {
  const auto machine = machine_named("laptop");
  EXPECT_EQ(nic_of(machine, "docker0").kind, NicKind::kSoftware);
  EXPECT_EQ(nic_of(machine, "lo").link_layer, "loopback");
  EXPECT_TRUE(nic_of(machine, "wlp0s20f3").is_wireless);
  EXPECT_FALSE(nic_of(machine, "enp0s31f6").is_up);
  EXPECT_FALSE(nic_of(machine, "enp0s31f6").is_wireless);
}

TEST(Machine, IsEmptyWhereNothingCanBeRead) {
  const test::TemporaryFolder root;
  const auto machine = inspect_machine({.root = root.path()});
  EXPECT_THAT(machine.nics, IsEmpty());
  EXPECT_THAT(machine.pci, IsEmpty());
  EXPECT_FALSE(hides_pci_tree(machine));
}

TEST(Machine, SurvivesTornFiles) {
  auto description = small_machine();
  description["functions"] = {{{"id", "15b3:1018"},
                               {"class", "020000"},
                               {"driver", "mlx5_core"},
                               {"net", "eth1"},
                               {"rdma", "mlx5_0"},
                               {"layer", ""},
                               {"rate", "fast"},
                               {"state", ""},
                               {"at", {"0000:3b:00.0"}}}};
  description["files"] = {{"sys/class/net/eth1/speed", "-1"},
                          {"sys/class/net/eth1/mtu", "99999999999999"},
                          {"sys/class/net/bonding_masters", "bond0"},
                          {"proc/net/route", "Iface\neth1 zz\n\neth1\t00000000"},
                          {"proc/driver/nvidia/version", "NVRM version:"},
                          {"sys/devices/system/node/node0/distance", "10 x"}};
  const auto machine = machine_of(description);
  EXPECT_EQ(nic_of(machine, "eth1").megabits, std::nullopt);
  EXPECT_EQ(nic_of(machine, "eth1").mtu, 0);
  EXPECT_FALSE(machine.rdma.at(0).is_active);
  EXPECT_EQ(machine.rdma.at(0).gigabits, 0);
  EXPECT_THAT(machine.routes, IsEmpty());
  EXPECT_EQ(machine.nvidia_driver, "");
  EXPECT_EQ(machine.find_nic("bonding_masters"), nullptr);
}

TEST(Machine, TakesProcessorsFromHwloc) {
  if (hwloc_version().empty()) {  // a build without hwloc: /sys serves
    EXPECT_FALSE(inspect_machine().caches.empty() && inspect_machine().packages.empty());
    return;
  }
  const auto machine = inspect_machine({.hwloc_synthetic = "pack:2 l3:1(size=32MB) l2:4(size=1MB) core:1 pu:2"});
  ASSERT_THAT(machine.packages, SizeIs(2));
  EXPECT_THAT(machine.packages[1].cores, SizeIs(8));
  ASSERT_THAT(machine.caches, SizeIs(10));
  EXPECT_EQ(machine.caches[0].level, 2);
  EXPECT_EQ(machine.caches[9], (Cache{.level = 3, .bytes = 32'000'000, .cores = {8, 9, 10, 11, 12, 13, 14, 15}}));
}

TEST(Machine, ReadsThisMachine) {
  const auto machine = inspect_machine();
  EXPECT_GT(machine.host.cores, 0);
  EXPECT_FALSE(machine.packages.empty());
  EXPECT_NE(machine.find_nic("lo"), nullptr);
  // hwloc and /sys agree about this machine's processors.
  const auto from_sys = inspect_machine({.use_hwloc = false});
  EXPECT_EQ(machine.packages.size(), from_sys.packages.size());
}

}  // namespace
}  // namespace trireme::topology
