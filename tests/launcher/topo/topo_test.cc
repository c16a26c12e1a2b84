#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/machine_tree.h"
#include "topo/device_tree.h"
#include "topo/machine_json.h"
#include "topo/machine_svg.h"
#include "topo/machine_text.h"

namespace trireme::launcher {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kMachines[] = {
    "azure-nc24rs-v3",    "azure-nc96ads-a100-v4",  "azure-nd96asr-v4", "azure-nd96isr-h100-v5", "azure-hb120rs-v3",
    "azure-d16s-v6-mana", "azure-d4s-v5-synthetic", "aws-p4d-24xlarge", "bare-metal-8gpu",       "laptop"};

topology::Machine machine_named(const std::string& name) {
  const test::MachineFolder root(name);
  return topology::inspect_machine({.root = root.path()});
}

std::string text_of(const std::string& name) {
  const auto machine = machine_named(name);
  return machine_text(machine, plan_ranks(machine, 0, ""));
}

TEST(MachineText, HangsTheVirtualFunctionBelowItsInterface) {
  EXPECT_THAT(text_of("azure-d16s-v6-mana"),
              HasSubstr("└─ eth0  paravirtual  Hyper-V synthetic interface  (hv_netvsc)  50 Gbit/s  mtu 1500   <- "
                        "sockets\n   └─ enP30832p0s0  virtual function  Microsoft Azure Network Adapter  (mana)"));
}

TEST(MachineText, ShowsWhichRankHasWhichAdapter) {
  const auto text = text_of("aws-p4d-24xlarge");
  EXPECT_THAT(text, HasSubstr("├─ host bridge pci0000:90\n│  ├─ GPU 4  A100-SXM4-40GB  sm_80  0000:90:1c.0\n"));
  EXPECT_THAT(text, HasSubstr("rdmap144s27  100 Gbit/s  Elastic Fabric Adapter  0000:90:1b.0   <- rank 4-5"));
}

TEST(MachineText, LeavesOutBridgesWithNothingToTellApart) {
  const auto text = text_of("bare-metal-8gpu");
  EXPECT_THAT(text, HasSubstr("└─ PCI switch 0000:02:00.0\n   ├─ PCI switch 0000:03:00.0\n   │  ├─ GPU 0"));
  EXPECT_THAT(text, Not(HasSubstr("0000:01:00.0")));  // the switch's upstream port
  EXPECT_THAT(text, HasSubstr("GPU 0  PXB     PXB     SYS"));
}

TEST(MachineText, SaysEachReasonOnce) {
  const auto text = text_of("azure-d4s-v5-synthetic");
  EXPECT_THAT(text, HasSubstr("UCX_NET_DEVICES=eth0\n      as for GLOO_SOCKET_IFNAME\n"));
}

TEST(MachineText, SaysWhenAnInterfaceIsOnlyLikely) {
  EXPECT_THAT(text_of("aws-p4d-24xlarge"), HasSubstr("eth0: the default route goes through it; no setting names it"));
  EXPECT_THAT(text_of("azure-d4s-v5-synthetic"), Not(HasSubstr("no setting names it")));
}

TEST(MachineJson, TellsScriptsWhatTheTextTellsPeople) {
  const auto machine = machine_named("azure-nd96asr-v4");
  const auto json = machine_json(machine, plan_ranks(machine, 0, "10.0.0.9"));
  EXPECT_EQ(json.at("hostname"), "nd96asr");
  EXPECT_EQ(json.at("platform").at("cloud"), "Azure");
  EXPECT_TRUE(json.at("platform").at("hides_pci_tree").get<bool>());
  EXPECT_EQ(json.at("gpus").size(), 8U);
  EXPECT_EQ(json.at("gpus").at(0).at("distances").at("mlx5_ib0"), "NODE");
  EXPECT_EQ(json.at("ranks").at(5).at("devices").at(0), "mlx5_ib5");
  EXPECT_EQ(json.at("sockets").at("interface"), "eth0");
  EXPECT_TRUE(json.at("rdma_devices").at(1).at("objection").is_null());
  EXPECT_THAT(json.at("rdma_devices").at(0).at("objection").get<std::string>(), HasSubstr("Ethernet"));
}

// No tag is left open, every attribute is quoted, every & is escaped: enough for what we write ourselves.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  for (std::size_t at = xml.find('<'); at != std::string::npos; at = xml.find('<', at + 1)) {
    const auto end = xml.find('>', at);
    if (end == std::string::npos) return false;
    const auto tag = xml.substr(at + 1, end - at - 1);
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
  }
  return open.empty();
}

TEST(MachineSvg, IsWellFormedForEveryMachine) {
  for (const auto* name : kMachines) {
    const auto machine = machine_named(name);
    const auto svg = machine_svg(machine, plan_ranks(machine, 0, ""));
    EXPECT_TRUE(svg.starts_with("<svg xmlns=")) << name;
    EXPECT_TRUE(is_well_formed(svg)) << name;
    EXPECT_THAT(svg, Not(HasSubstr("nan"))) << name;
  }
}

TEST(MachineSvg, DrawsEveryGpuAndALineToItsAdapter) {
  const auto machine = machine_named("azure-nd96isr-h100-v5");
  const auto svg = machine_svg(machine, plan_ranks(machine, 0, ""));
  const auto count = [&](const std::string& part) {
    std::size_t found = 0;
    for (auto at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<rect class=\"gpu\""), 8U);
  EXPECT_EQ(count("<rect class=\"adapter\""), 8U);
  EXPECT_EQ(count("<path class=\"node\""), 9U);  // one a GPU, one in the legend
  EXPECT_EQ(count("<rect class=\"core\""), 96U);
}

TEST(MachineSvg, EscapesWhatMachinesCallThemselves) {
  auto machine = machine_named("laptop");
  machine.host.hostname = "a<b>&\"c";
  const auto svg = machine_svg(machine, plan_ranks(machine, 0, ""));
  EXPECT_THAT(svg, HasSubstr("a&lt;b&gt;&amp;&quot;c"));
  EXPECT_TRUE(is_well_formed(svg));
}

TEST(CoreList, IsAsTheKernelWritesIt) {
  EXPECT_EQ(core_list({0, 1, 2, 5, 7, 8}), "0-2,5,7-8");
  EXPECT_EQ(core_list({}), "");
}

TEST(RankPlan, HasARankForEveryGpuOrAsManyAsAsked) {
  const auto machine = machine_named("bare-metal-8gpu");
  EXPECT_EQ(plan_ranks(machine, 0, "").ranks(), 8);
  EXPECT_EQ(plan_ranks(machine, 3, "").ranks(), 3);
  EXPECT_EQ(plan_ranks(machine_named("azure-hb120rs-v3"), 0, "").ranks(), 1);
}

}  // namespace
}  // namespace trireme::launcher
