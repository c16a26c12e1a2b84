#include "trireme/topology/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include <nlohmann/json.hpp>

#include "support/machine_tree.h"

namespace trireme::topology {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

using Variables = std::map<std::string, std::string>;

Machine machine_named(const std::string& name) {
  const test::MachineFolder root(name);
  return inspect_machine({.root = root.path()});
}

Variables variables_of(const std::vector<Setting>& settings) {
  Variables variables;
  for (const auto& setting : settings) {
    EXPECT_FALSE(setting.reason.empty()) << setting.name;
    EXPECT_TRUE(variables.emplace(setting.name, setting.value).second) << setting.name << " twice";
  }
  return variables;
}

Variables for_rank(const Machine& machine, int local_rank, int local_size, const std::string& peer = "10.0.0.9") {
  return variables_of(settings_for(machine, {.local_rank = local_rank, .local_size = local_size, .peer = peer}));
}

Variables for_rank(const std::string& machine, int local_rank, int local_size) {
  return for_rank(machine_named(machine), local_rank, local_size);
}

constexpr const char* kAllEight = "=mlx5_ib0,mlx5_ib1,mlx5_ib2,mlx5_ib3,mlx5_ib4,mlx5_ib5,mlx5_ib6,mlx5_ib7";

TEST(Settings, OfNd96asrV4) {
  EXPECT_THAT(
      for_rank("azure-nd96asr-v4", 5, 8),
      UnorderedElementsAre(Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
                           Pair("NCCL_TOPO_FILE", "/opt/microsoft/ndv4-topo.xml"), Pair("NCCL_SOCKET_IFNAME", "=eth0"),
                           Pair("NCCL_IB_HCA", kAllEight), Pair("NCCL_IB_PCI_RELAXED_ORDERING", "1"),
                           Pair("NCCL_IGNORE_CPU_AFFINITY", "1"), Pair("GLOO_SOCKET_IFNAME", "eth0"),
                           Pair("UCX_NET_DEVICES", "mlx5_ib5:1"), Pair("UCX_TLS", "rc,sm,self,cuda_copy,cuda_ipc"),
                           Pair("OMPI_MCA_btl_tcp_if_include", "eth0"), Pair("OMPI_MCA_oob_tcp_if_include", "eth0"),
                           Pair("OMPI_MCA_btl", "^openib"), Pair("OMPI_MCA_coll_hcoll_enable", "0")));
}

TEST(Settings, OfNd96isrH100V5LeaveTheFileThatNcclReadsByItself) {
  const auto variables = for_rank("azure-nd96isr-h100-v5", 0, 8);
  EXPECT_EQ(variables.count("NCCL_TOPO_FILE"), 0U);
  EXPECT_EQ(variables.count("NCCL_NET_GDR_LEVEL"), 0U);
  EXPECT_EQ(variables.at("NCCL_IB_HCA"), kAllEight);
  EXPECT_EQ(variables.at("UCX_NET_DEVICES"), "mlx5_ib0:1");
}

// A plain image of the same size: no file tells NCCL which adapter lies beside which GPU.
TEST(Settings, WithoutATopologyFileLetNcclReadGpuMemoryFromAnywhere) {
  auto machine = machine_named("azure-nd96isr-h100-v5");
  machine.nccl_topology = {};
  EXPECT_EQ(for_rank(machine, 0, 8).at("NCCL_NET_GDR_LEVEL"), "SYS");
  machine.gpu_direct = {};
  EXPECT_EQ(for_rank(machine, 0, 8).count("NCCL_NET_GDR_LEVEL"), 0U);
}

TEST(Settings, OfNc24rsV3) {
  EXPECT_THAT(
      for_rank("azure-nc24rs-v3", 1, 4),
      UnorderedElementsAre(Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), Pair("NCCL_SOCKET_IFNAME", "=eth0"),
                           Pair("NCCL_IB_HCA", "=mlx4_0"), Pair("NCCL_IB_PCI_RELAXED_ORDERING", "1"),
                           Pair("GLOO_SOCKET_IFNAME", "eth0"), Pair("UCX_NET_DEVICES", "mlx4_0:1"),
                           Pair("UCX_TLS", "rc,sm,self,cuda_copy,cuda_ipc"),
                           Pair("OMPI_MCA_btl_tcp_if_include", "eth0"), Pair("OMPI_MCA_oob_tcp_if_include", "eth0"),
                           Pair("OMPI_MCA_btl", "^openib"), Pair("OMPI_MCA_coll_hcoll_enable", "0")));
}

TEST(Settings, OfNc96adsA100V4KeepEveryoneOffTheEthernetFunction) {
  EXPECT_THAT(
      for_rank("azure-nc96ads-a100-v4", 3, 4),
      UnorderedElementsAre(Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), Pair("NCCL_SOCKET_IFNAME", "=eth0"),
                           Pair("NCCL_IB_DISABLE", "1"), Pair("GLOO_SOCKET_IFNAME", "eth0"),
                           Pair("UCX_NET_DEVICES", "eth0"), Pair("UCX_TLS", "tcp,sm,self"),
                           Pair("OMPI_MCA_btl_tcp_if_include", "eth0"), Pair("OMPI_MCA_oob_tcp_if_include", "eth0"),
                           Pair("OMPI_MCA_pml", "ob1"), Pair("OMPI_MCA_btl", "self,vader,tcp")));
}

TEST(Settings, OfHb120rsV3NameTheAdapterAndItsPartition) {
  EXPECT_THAT(for_rank("azure-hb120rs-v3", 0, 120),
              UnorderedElementsAre(Pair("GLOO_SOCKET_IFNAME", "eth0"), Pair("UCX_NET_DEVICES", "mlx5_1:1"),
                                   Pair("UCX_TLS", "rc,sm,self"), Pair("UCX_IB_PKEY", "0x000b"),
                                   Pair("OMPI_MCA_btl_tcp_if_include", "eth0"),
                                   Pair("OMPI_MCA_oob_tcp_if_include", "eth0"), Pair("OMPI_MCA_btl", "^openib")));
}

TEST(Settings, OfMana) {
  EXPECT_THAT(for_rank("azure-d16s-v6-mana", 0, 16),
              UnorderedElementsAre(Pair("GLOO_SOCKET_IFNAME", "eth0"), Pair("UCX_NET_DEVICES", "eth0"),
                                   Pair("UCX_TLS", "tcp,sm,self"), Pair("OMPI_MCA_btl_tcp_if_include", "eth0"),
                                   Pair("OMPI_MCA_oob_tcp_if_include", "eth0"), Pair("OMPI_MCA_pml", "ob1"),
                                   Pair("OMPI_MCA_btl", "self,vader,tcp")));
}

TEST(Settings, OfTheSyntheticInterfaceAlone) {
  EXPECT_THAT(for_rank("azure-d4s-v5-synthetic", 0, 4),
              UnorderedElementsAre(Pair("GLOO_SOCKET_IFNAME", "eth0"), Pair("UCX_NET_DEVICES", "eth0"),
                                   Pair("UCX_TLS", "tcp,sm,self"), Pair("OMPI_MCA_btl_tcp_if_include", "eth0"),
                                   Pair("OMPI_MCA_oob_tcp_if_include", "eth0")));
}

TEST(Settings, OfP4d) {
  const auto machine = machine_named("aws-p4d-24xlarge");
  EXPECT_THAT(for_rank(machine, 0, 8, "172.31.17.5"),
              UnorderedElementsAre(Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), Pair("NCCL_SOCKET_IFNAME", "=eth0"),
                                   Pair("FI_PROVIDER", "efa"), Pair("FI_EFA_USE_DEVICE_RDMA", "1"),
                                   Pair("GLOO_SOCKET_IFNAME", "eth0"), Pair("UCX_NET_DEVICES", "eth0"),
                                   Pair("UCX_TLS", "tcp,sm,self"), Pair("OMPI_MCA_btl_tcp_if_include", "eth0"),
                                   Pair("OMPI_MCA_oob_tcp_if_include", "eth0")));
}

TEST(Settings, OfBareMetalNeedNothingForItsPciTree) {
  EXPECT_THAT(for_rank(machine_named("bare-metal-8gpu"), 4, 8, "10.20.0.8"),
              UnorderedElementsAre(Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), Pair("NCCL_SOCKET_IFNAME", "=enp226s0"),
                                   Pair("NCCL_IB_HCA", "=mlx5_0,mlx5_1,mlx5_2,mlx5_3,mlx5_4,mlx5_5,mlx5_6,mlx5_7"),
                                   Pair("GLOO_SOCKET_IFNAME", "enp226s0"), Pair("UCX_NET_DEVICES", "mlx5_4:1"),
                                   Pair("UCX_TLS", "rc,sm,self,cuda_copy,cuda_ipc"),
                                   Pair("OMPI_MCA_btl_tcp_if_include", "enp226s0"),
                                   Pair("OMPI_MCA_oob_tcp_if_include", "enp226s0"), Pair("OMPI_MCA_btl", "^openib"),
                                   Pair("OMPI_MCA_coll_hcoll_enable", "0")));
}

TEST(Settings, OfALaptop) {
  EXPECT_THAT(for_rank(machine_named("laptop"), 0, 1, "192.168.1.7"),
              UnorderedElementsAre(Pair("NCCL_SOCKET_IFNAME", "=wlp0s20f3"), Pair("NCCL_IB_DISABLE", "1"),
                                   Pair("GLOO_SOCKET_IFNAME", "wlp0s20f3"), Pair("UCX_NET_DEVICES", "wlp0s20f3"),
                                   Pair("UCX_TLS", "tcp,sm,self"), Pair("OMPI_MCA_btl_tcp_if_include", "wlp0s20f3"),
                                   Pair("OMPI_MCA_oob_tcp_if_include", "wlp0s20f3")));
}

TEST(Settings, WithinANodeConcernGpusOnly) {
  const auto machine = machine_named("azure-nd96asr-v4");
  EXPECT_THAT(variables_of(settings_for(machine, {.local_size = 8, .spans_nodes = false})),
              UnorderedElementsAre(Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
                                   Pair("NCCL_TOPO_FILE", "/opt/microsoft/ndv4-topo.xml")));
  EXPECT_THAT(settings_for(machine_named("laptop"), {.spans_nodes = false}), IsEmpty());
}

// Four local nodes rehearse a cluster on one machine.
TEST(Settings, OverLoopbackNameItAndNothingElse) {
  EXPECT_THAT(for_rank(machine_named("azure-nd96asr-v4"), 0, 2, "127.0.0.1"),
              UnorderedElementsAre(Pair("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
                                   Pair("NCCL_TOPO_FILE", "/opt/microsoft/ndv4-topo.xml"),
                                   Pair("NCCL_SOCKET_IFNAME", "=lo"), Pair("GLOO_SOCKET_IFNAME", "lo")));
}

TEST(Settings, NameNoInterfaceThatIsOnlyAGuess) {
  const auto variables = for_rank(machine_named("aws-p4d-24xlarge"), 0, 8, "");
  EXPECT_EQ(variables.count("NCCL_SOCKET_IFNAME"), 0U);
  EXPECT_EQ(variables.count("OMPI_MCA_btl_tcp_if_include"), 0U);
  EXPECT_EQ(variables.at("FI_PROVIDER"), "efa");
}

EnvironmentLookup lookup(const Variables& variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(Settings, YieldToWhatTheUserSet) {
  const auto all = settings_for(machine_named("azure-nd96asr-v4"), {.local_size = 8, .peer = "10.0.0.9"});
  const auto kept = variables_of(without_given(all, lookup({{"NCCL_SOCKET_IFNAME", "ib0"},
                                                            {"UCX_TLS", "tcp"},
                                                            {"OMPI_MCA_btl_tcp_if_exclude", "docker0"},
                                                            {"OMPI_MCA_pml", "ucx"}})));
  EXPECT_EQ(kept.count("NCCL_SOCKET_IFNAME"), 0U);
  // With "tcp" alone, UCX would find no device of ours.
  EXPECT_EQ(kept.count("UCX_NET_DEVICES"), 0U);
  // Open MPI refuses to start with both.
  EXPECT_EQ(kept.count("OMPI_MCA_btl_tcp_if_include"), 0U);
  EXPECT_EQ(kept.count("OMPI_MCA_btl"), 0U);
  EXPECT_EQ(kept.count("NCCL_IB_HCA"), 1U);
  EXPECT_EQ(variables_of(without_given(all, lookup({}))).size(), all.size());
  EXPECT_THAT(without_given(all, lookup({{"TRIREME_TOPOLOGY", "off"}})), IsEmpty());
}

TEST(Settings, AreNotAppliedTwiceNorToAWorldOfOne) {
  EXPECT_THAT(apply_to_process(RankEnvironment{.launched_by = LaunchedBy::kTriremeLauncher, .world_size = 4}),
              IsEmpty());
  EXPECT_THAT(apply_to_process(RankEnvironment{}), IsEmpty());
}

TEST(Settings, AreSetInThisProcessUnlessItHasThem) {
  unsetenv("GLOO_SOCKET_IFNAME");
  const RankEnvironment environment{.launched_by = LaunchedBy::kTorchrun, .world_size = 2, .master_addr = "127.0.0.1"};
  const auto applied = apply_to_process(environment);
  EXPECT_EQ(variables_of(applied).at("GLOO_SOCKET_IFNAME"), "lo");
  EXPECT_STREQ(getenv("GLOO_SOCKET_IFNAME"), "lo");
  EXPECT_THAT(apply_to_process(environment), IsEmpty());
  for (const auto& setting : applied) unsetenv(setting.name.c_str());
}

// The pairs of GPU and adapter, and their NUMA nodes, of the file that Azure ships for this size.
TEST(NcclTopology, PairsGpusAndAdaptersAsAzuresFileDoes) {
  const auto xml = nccl_topology_xml(machine_named("azure-nd96isr-h100-v5"));
  const auto second_node = xml.find("<cpu numaid=\"1\"");
  ASSERT_NE(second_node, std::string::npos);
  const std::pair<const char*, const char*> pairs[] = {{"0001", "0101"}, {"0002", "0102"}, {"0003", "0103"},
                                                       {"0008", "0104"}, {"0009", "0105"}, {"000a", "0106"},
                                                       {"000b", "0107"}, {"000c", "0108"}};
  for (const auto& [gpu, nic] : pairs) {
    const auto gpu_at = xml.find("busid=\"" + std::string(gpu) + ":00:00.0\" class=\"0x030200\"");
    const auto nic_at = xml.find("busid=\"" + std::string(nic) + ":00:00.0\" class=\"0x020700\"");
    ASSERT_NE(gpu_at, std::string::npos) << gpu;
    ASSERT_NE(nic_at, std::string::npos) << nic;
    // Nothing closes a bridge between the two.
    EXPECT_EQ(xml.substr(gpu_at, nic_at - gpu_at).find("</pci>"), std::string::npos) << gpu;
    EXPECT_EQ(gpu_at > second_node, std::string(gpu) >= "0009") << gpu;
  }
  EXPECT_THAT(xml, HasSubstr("<cpu numaid=\"0\" affinity=\"00000000,0000ffff,ffffffff\" arch=\"x86_64\" "
                             "vendor=\"GenuineIntel\""));
  EXPECT_THAT(xml, HasSubstr("<cpu numaid=\"1\" affinity=\"ffffffff,ffff0000,00000000\""));
}

TEST(NcclTopology, PutsTheGpusOfABusBesideTheirAdapter) {
  const auto xml = nccl_topology_xml(machine_named("aws-p4d-24xlarge"));
  const auto first = xml.find("0000:10:1c.0");
  const auto second = xml.find("0000:10:1d.0");
  const auto adapter = xml.find("0000:10:1b.0");
  ASSERT_NE(adapter, std::string::npos);
  EXPECT_EQ(xml.substr(first, adapter - first).find("</pci>"), std::string::npos);
  EXPECT_LT(second, adapter);
}

}  // namespace
}  // namespace trireme::topology
