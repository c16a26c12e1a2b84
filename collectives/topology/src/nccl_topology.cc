#include <algorithm>
#include <map>

#include "trireme/base/message.h"
#include "trireme/topology/settings.h"

namespace trireme::topology {

namespace {

// NCCL reads the affinity as the kernel writes masks: words of 32 processors, the highest first.
std::string affinity_mask(const std::vector<int>& cores, int words) {
  std::vector<std::uint32_t> bits(static_cast<std::size_t>(words), 0);
  for (const int core : cores) bits[static_cast<std::size_t>(core) / 32] |= 1U << (static_cast<unsigned>(core) % 32U);
  std::string text;
  for (auto word = bits.rbegin(); word != bits.rend(); ++word) {
    char hex[9];
    std::snprintf(hex, sizeof(hex), "%08x", *word);
    text += (text.empty() ? "" : ",") + std::string(hex);
  }
  return text;
}

std::string pci_line(const Machine& machine, const std::string& address, const char* indent) {
  const auto* device = machine.find_pci(address);
  const bool is_known = device != nullptr && !device->link_speed.empty();
  char kind[16];
  std::snprintf(kind, sizeof(kind), "0x%06x", device == nullptr ? 0U : device->class_code);
  return message("{}<pci busid=\"{}\" class=\"{}\" link_speed=\"{}\" link_width=\"{}\"/>\n", indent, address, kind,
                 is_known ? device->link_speed : "16.0 GT/s PCIe", is_known ? device->link_width : 16);
}

struct Bridge {
  std::vector<std::string> gpus{};
  std::string nic{};
};

// A bridge a network device; GPUs without one get a bridge of their own.
using BridgesByNode = std::map<int, std::map<std::string, Bridge>>;

BridgesByNode bridges_of(const Machine& machine) {
  BridgesByNode nodes;
  for (std::size_t gpu = 0; gpu < machine.gpus.gpus.size(); ++gpu) {
    const auto& address = machine.gpus.gpus[gpu].pci_address;
    const auto choice = choose_devices(machine, {.local_rank = static_cast<int>(gpu)});
    const auto name = choice.nearest.empty() ? address : choice.nearest.front();
    auto& bridge = nodes[machine.gpus.gpus[gpu].numa_node.value_or(0)][name];
    bridge.gpus.push_back(address);
    const auto device = std::ranges::find(machine.rdma, name, &RdmaDevice::name);
    if (device != machine.rdma.end()) bridge.nic = device->pci_address;
  }
  return nodes;
}

std::string cpu_attributes(const Machine& machine) {
  const auto& model = machine.packages.empty() ? std::string() : machine.packages.front().model;
  const bool is_amd = model.find("AMD") != std::string::npos;
  // NCCL only asks whether it is Intel's and, for AMD's, which family: 23 is Zen 2, 25 Zen 3 and 4.
  return is_amd ? R"(arch="x86_64" vendor="AuthenticAMD" familyid="25" modelid="1")"
                : R"(arch="x86_64" vendor="GenuineIntel" familyid="6" modelid="143")";
}

}  // namespace

std::string nccl_topology_xml(const Machine& machine) {
  int highest = 0;
  for (const auto& node : machine.host.numa_nodes) {
    for (const int core : node.cores) highest = std::max(highest, core);
  }
  std::string xml = "<system version=\"1\">\n";
  int number = 0;
  for (const auto& [node, bridges] : bridges_of(machine)) {
    const auto known = std::ranges::find(machine.host.numa_nodes, node, &NumaNode::index);
    const auto cores = known == machine.host.numa_nodes.end() ? std::vector<int>() : known->cores;
    xml += message("  <cpu numaid=\"{}\" affinity=\"{}\" {}>\n", node, affinity_mask(cores, highest / 32 + 1),
                   cpu_attributes(machine));
    for (const auto& [name, bridge] : bridges) {
      char busid[24];
      std::snprintf(busid, sizeof(busid), "ffff:ff:%02x.0", static_cast<unsigned>(++number) & 0xffU);
      xml +=
          message("    <pci busid=\"{}\" class=\"0x060400\" link_speed=\"32.0 GT/s PCIe\" link_width=\"16\">\n", busid);
      for (const auto& gpu : bridge.gpus) xml += pci_line(machine, gpu, "      ");
      if (!bridge.nic.empty()) xml += pci_line(machine, bridge.nic, "      ");
      xml += "    </pci>\n";
    }
    xml += "  </cpu>\n";
  }
  return xml + "</system>\n";
}

}  // namespace trireme::topology
