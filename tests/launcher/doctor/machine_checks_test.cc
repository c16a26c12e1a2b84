#include "doctor/machine_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include "support/machine_tree.h"

namespace trireme::launcher {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using topology::Machine;

Machine machine_of(const nlohmann::json& description) {
  const test::MachineFolder root(description);
  return topology::inspect_machine({.root = root.path()});
}
Machine machine_named(const std::string& name) { return machine_of(test::machine_description(name)); }

Finding finding_of(const Machine& machine, const std::string& id) {
  const auto findings = examine_machine(machine);
  const auto found = std::ranges::find(findings, id, &Finding::id);
  if (found == findings.end()) throw std::runtime_error("no check " + id);
  return *found;
}

// Everything but what is fine and what is only a note.
std::set<std::string> wrong_with(const std::string& name) {
  std::set<std::string> ids;
  for (const auto& finding : examine_machine(machine_named(name))) {
    if (finding.severity < Severity::kWarning) continue;
    EXPECT_THAT(finding.cost, Not(IsEmpty())) << finding.id;
    EXPECT_THAT(finding.fix, Not(IsEmpty())) << finding.id;
    ids.insert(finding.id);
  }
  return ids;
}

TEST(Doctor, FindsNothingWrongWithMachinesAsTheyShouldBe) {
  for (const auto* name : {"azure-nd96asr-v4", "azure-nd96isr-h100-v5", "azure-hb120rs-v3", "azure-nc96ads-a100-v4",
                           "azure-d16s-v6-mana", "bare-metal-8gpu", "aws-p4d-24xlarge"}) {
    EXPECT_THAT(wrong_with(name), IsEmpty()) << name;
  }
}

TEST(Doctor, SeesThatAcceleratedNetworkingIsOff) {
  EXPECT_EQ(wrong_with("azure-d4s-v5-synthetic"), std::set<std::string>{"accelerated-networking"});
  const auto finding = finding_of(machine_named("azure-d4s-v5-synthetic"), "accelerated-networking");
  EXPECT_THAT(finding.found, HasSubstr("off: eth0 has no virtual function"));
  EXPECT_THAT(finding.fix, HasSubstr("--accelerated-networking true"));
}

TEST(Doctor, OnlyNotesItWhereInfiniBandCarriesTheData) {
  const auto finding = finding_of(machine_named("azure-nc24rs-v3"), "accelerated-networking");
  EXPECT_EQ(finding.severity, Severity::kNote);
  EXPECT_THAT(finding.cost, HasSubstr("InfiniBand"));
}

// CUDA 13 knows neither the V100 nor its driver, and the image brings nothing for NCCL and GPUDirect.
TEST(Doctor, RefusesGpusThatTheBuildCannotServe) {
  EXPECT_EQ(wrong_with("azure-nc24rs-v3"),
            (std::set<std::string>{"gpu-age", "gpu-driver", "gpu-direct", "nccl-topology"}));
  const auto finding = finding_of(machine_named("azure-nc24rs-v3"), "gpu-age");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("Volta (sm_70), older than sm_75"));
}

TEST(Doctor, NamesGpusWithoutADriver) {
  const auto finding = finding_of(machine_named("laptop"), "gpu-driver");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("0 of 1 GPUs can be used; /proc/driver/nvidia/gpus: not there"));
}

TEST(Doctor, MissesTheDriverOfAVirtualFunction) {
  auto description = test::machine_description("azure-d16s-v6-mana");
  auto& function = description["functions"][0];
  for (const auto* key : {"driver", "net", "rdma", "master", "layer", "rate"}) function.erase(key);
  const auto machine = machine_of(description);
  const auto finding = finding_of(machine, "network-driver");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("7870:00:00.0 (1414:00ba) has no driver"));
  EXPECT_THAT(finding.fix, HasSubstr("mana"));
  EXPECT_THAT(finding_of(machine, "accelerated-networking").found, HasSubstr("though the machine has one"));
}

TEST(Doctor, SeesAVirtualFunctionInTheWrongHands) {
  auto description = test::machine_description("azure-nc96ads-a100-v4");
  auto& function = description["functions"][1];
  function["driver"] = "vfio-pci";
  for (const auto* key : {"net", "rdma", "master", "layer", "rate"}) function.erase(key);
  const auto finding = finding_of(machine_of(description), "network-driver");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("bound to vfio-pci"));
  EXPECT_THAT(finding.fix, HasSubstr("mlx5_core"));
}

TEST(Doctor, MissesTheInterfaceOfAVirtualFunctionThatHasItsDriver) {
  auto description = test::machine_description("azure-nc96ads-a100-v4");
  for (const auto* key : {"net", "rdma", "master", "layer", "rate"}) description["functions"][1].erase(key);
  const auto finding = finding_of(machine_of(description), "virtual-function");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("8a37:00:02.0"));
}

TEST(Doctor, SeesAVirtualFunctionThatStandsAlone) {
  auto description = test::machine_description("azure-d16s-v6-mana");
  description["functions"][0].erase("master");
  const auto finding = finding_of(machine_of(description), "virtual-function");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("enP30832p0s0 is not a part"));
}

TEST(Doctor, MissesTheTopologyFile) {
  auto machine = machine_named("azure-nd96isr-h100-v5");
  machine.nccl_topology = {};
  const auto finding = finding_of(machine, "nccl-topology");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.fix, HasSubstr("launcher topo --nccl-topo"));
  EXPECT_EQ(finding_of(machine_named("bare-metal-8gpu"), "nccl-topology").severity, Severity::kOk);
  EXPECT_EQ(finding_of(machine_named("aws-p4d-24xlarge"), "nccl-topology").severity, Severity::kNote);
}

TEST(Doctor, SeesAccessControlInThePath) {
  auto machine = machine_named("bare-metal-8gpu");
  EXPECT_EQ(finding_of(machine, "acs").severity, Severity::kNote);  // no configuration space: unknown
  for (auto& device : machine.pci) {
    if (device.is_bridge()) device.redirects_peers = device.address == "0000:43:00.0";
  }
  const auto finding = finding_of(machine, "acs");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.found, HasSubstr("1 bridges redirect"));
  EXPECT_THAT(finding.found, HasSubstr("0000:43:00.0"));
  for (auto& device : machine.pci) {
    if (device.is_bridge()) device.redirects_peers = false;
  }
  EXPECT_EQ(finding_of(machine, "acs").severity, Severity::kOk);
}

TEST(Doctor, SeesAnIommuThatTranslates) {
  auto description = test::machine_description("bare-metal-8gpu");
  description["functions"][1]["iommu"] = "DMA-FQ";
  const auto finding = finding_of(machine_of(description), "iommu");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.found, HasSubstr("0000:0c:00.0"));
  EXPECT_THAT(finding.fix, HasSubstr("iommu=pt"));
  description["functions"][1]["iommu"] = "identity";
  EXPECT_EQ(finding_of(machine_of(description), "iommu").severity, Severity::kOk);
}

TEST(Doctor, ComparesMtus) {
  auto description = test::machine_description("azure-d16s-v6-mana");
  description["vmbus"][0]["mtu"] = 9000;
  const auto finding = finding_of(machine_of(description), "mtu");
  EXPECT_EQ(finding.severity, Severity::kWarning);
  EXPECT_THAT(finding.found, HasSubstr("eth0 has 9000, its virtual function enP30832p0s0 has 1500"));
  EXPECT_EQ(finding_of(machine_named("azure-nd96asr-v4"), "mtu").severity, Severity::kNote);
  EXPECT_EQ(finding_of(machine_named("aws-p4d-24xlarge"), "mtu").severity, Severity::kOk);
}

TEST(Doctor, CountsPortsThatAreDown) {
  auto description = test::machine_description("azure-nd96asr-v4");
  description["functions"][1]["state"] = "1: DOWN";
  const auto finding = finding_of(machine_of(description), "adapter-port");
  EXPECT_EQ(finding.severity, Severity::kError);
  EXPECT_THAT(finding.found, HasSubstr("8 of 8 not active"));
}

TEST(Doctor, SeesPartitionKeysInTheUnluckyOrder) {
  const auto note = finding_of(machine_named("azure-hb120rs-v3"), "adapter-port");
  EXPECT_EQ(note.severity, Severity::kNote);
  EXPECT_THAT(note.found, HasSubstr("1 active; the tenant's partition stands at entry 1 of mlx5_1"));
  auto machine = machine_named("azure-nd96asr-v4");
  EXPECT_EQ(finding_of(machine, "adapter-port").severity, Severity::kOk);
  std::swap(machine.rdma[1].partition_keys[0], machine.rdma[1].partition_keys[1]);
  EXPECT_EQ(finding_of(machine, "adapter-port").severity, Severity::kWarning);
}

TEST(Doctor, MissesGpuDirect) {
  auto machine = machine_named("azure-nd96asr-v4");
  machine.gpu_direct = {};
  EXPECT_EQ(finding_of(machine, "gpu-direct").severity, Severity::kWarning);
  EXPECT_EQ(finding_of(machine_named("azure-nc96ads-a100-v4"), "gpu-direct").severity, Severity::kOk);
}

}  // namespace
}  // namespace trireme::launcher
