#include "topo/machine_text.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/columns.h"
#include "topo/device_tree.h"

namespace trireme::launcher {

namespace {

using topology::Machine;

void append_unless_empty(std::string& text, const std::string& part) {
  if (!part.empty()) text += (text.empty() ? "" : "  ") + part;
}

std::string pci_link(const Machine& machine, const std::string& address) {
  const auto* device = machine.find_pci(address);
  if (device == nullptr || device->link_speed.empty()) return {};
  return fmt::format("{} x{}", device->link_speed.substr(0, device->link_speed.find(" PCIe")), device->link_width);
}

std::string describe(const topology::Nic& nic) {
  std::string text = nic.name;
  append_unless_empty(text, nic.kind == topology::NicKind::kSoftware ? "bond" : to_string(nic.kind));
  append_unless_empty(text, nic.model.empty() ? std::string(to_string(nic.family)) : nic.model);
  if (!nic.driver.empty()) append_unless_empty(text, fmt::format("({})", nic.driver));
  append_unless_empty(text, nic.pci_address);
  append_unless_empty(text, link_rate(nic.megabits));
  append_unless_empty(text, fmt::format("mtu {}", nic.mtu));
  if (nic.is_wireless) append_unless_empty(text, "wireless");
  if (!nic.is_up) append_unless_empty(text, "down");
  return text;
}

std::string describe(const topology::RdmaDevice& device) {
  std::string text = device.name;
  append_unless_empty(text, device.link_layer == "Unspecified" ? "" : device.link_layer);
  append_unless_empty(text, device.gigabits == 0 ? "" : fmt::format("{} Gbit/s", device.gigabits));
  append_unless_empty(text, device.model.empty() ? std::string(to_string(device.family)) : device.model);
  append_unless_empty(text, device.pci_address);
  append_unless_empty(text, device.netdev);
  if (!device.is_active) append_unless_empty(text, "not active");
  return text;
}

std::string describe(const Machine& machine, const ShownDevice& shown) {
  if (shown.nic != nullptr) return describe(*shown.nic);
  if (shown.rdma != nullptr) return describe(*shown.rdma);
  std::string text = fmt::format("GPU {}  {}", shown.gpu_index, gpu_name(machine, *shown.gpu));
  append_unless_empty(text, gpu_capability(machine, *shown.gpu));
  append_unless_empty(text, shown.gpu->pci_address);
  append_unless_empty(text, pci_link(machine, shown.gpu->pci_address));
  if (!shown.gpu->is_usable()) append_unless_empty(text, "no driver");
  return text;
}

std::string describe_bridge(const std::string& bridge) {
  return (bridge.starts_with("pci") ? "host bridge " : "PCI switch ") + bridge;
}

// "eth0" where sockets go, "rank 3" where a rank's adapter is.
std::string mark_of(const ShownDevice& shown, const RankPlan& plan) {
  if (shown.nic != nullptr && shown.nic->name == plan.interface.name) return "   <- sockets";
  if (shown.rdma == nullptr) return {};
  std::vector<int> ranks;
  for (int rank = 0; rank < plan.ranks(); ++rank) {
    const auto& nearest = plan.devices[static_cast<std::size_t>(rank)].nearest;
    if (std::ranges::find(nearest, shown.rdma->name) != nearest.end()) ranks.push_back(rank);
  }
  return ranks.empty() ? "" : fmt::format("   <- rank {}", core_list(ranks));
}

// Draws the branches of a tree.
class Drawing {
 public:
  Drawing(const Machine& machine, const RankPlan& plan) : machine_(machine), plan_(plan) {}

  void draw(const TreeNode& node, const std::string& indent) {
    for (std::size_t index = 0; index < node.children.size(); ++index) {
      draw_child(node.children[index], indent, index + 1 == node.children.size());
    }
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void draw_child(const TreeNode& child, const std::string& indent, bool is_last) {
    const auto below = indent + (is_last ? "   " : "│  ");
    text_ += indent + (is_last ? "└─ " : "├─ ");
    if (!child.bridge.empty()) {
      text_ += describe_bridge(child.bridge) + '\n';
      return draw(child, below);
    }
    text_ += describe(machine_, child.device) + mark_of(child.device, plan_) + '\n';
    if (child.device.nic == nullptr) return;
    const auto parts = parts_of(machine_, *child.device.nic);
    for (const auto* part : parts) {
      text_ += below + (part == parts.back() ? "└─ " : "├─ ") + describe(*part) + '\n';
    }
  }

  const Machine& machine_;
  const RankPlan& plan_;
  std::string text_;
};

std::string tree_text(const Machine& machine, const RankPlan& plan) {
  std::string text;
  for (const auto& node : machine.host.numa_nodes) {
    text += fmt::format("NUMA {}  cores {}  {}\n", node.index, core_list(node.cores), gibibytes(node.memory_bytes));
    Drawing drawing(machine, plan);
    drawing.draw(device_tree(machine, node.index), "");
    text += drawing.text();
  }
  const auto homeless = device_tree(machine, std::nullopt);
  if (!homeless.children.empty()) {
    Drawing drawing(machine, plan);
    drawing.draw(homeless, "");
    text += "no NUMA node known\n" + drawing.text();
  }
  return text;
}

std::string cache_text(const Machine& machine) {
  std::set<std::pair<int, std::int64_t>> kinds;
  for (const auto& cache : machine.caches) kinds.emplace(cache.level, cache.bytes);
  std::string text;
  for (const auto& kind : kinds) {
    const auto [level, bytes] = kind;
    const auto count = std::ranges::count_if(
        machine.caches, [&kind](const auto& cache) { return std::pair(cache.level, cache.bytes) == kind; });
    append_unless_empty(
        text, fmt::format("{} x L{} of {:g} MiB", count, level, static_cast<double>(bytes) / (1024.0 * 1024.0)));
  }
  return text;
}

std::string head_text(const Machine& machine) {
  const auto& host = machine.host;
  std::string text = machine_title(machine) + '\n';
  const auto model = machine.packages.empty() ? "" : machine.packages.front().model;
  text += fmt::format("{} cores, {} package{}{}, {} NUMA node{}, {}\n", host.cores, machine.packages.size(),
                      machine.packages.size() == 1 ? "" : "s", model.empty() ? "" : " of " + model,
                      host.numa_nodes.size(), host.numa_nodes.size() == 1 ? "" : "s", gibibytes(host.memory_bytes));
  const auto caches = cache_text(machine);
  if (!caches.empty()) text += caches + '\n';
  if (!machine.gpus.gpus.empty()) {
    text +=
        fmt::format("NVIDIA driver {}, GPUDirect: {}, NCCL topology file: {}\n",
                    machine.nvidia_driver.empty() ? "none" : machine.nvidia_driver, gpu_direct_text(machine.gpu_direct),
                    machine.nccl_topology.path.empty()
                        ? "none"
                        : fmt::format("{} (from {})", machine.nccl_topology.path, machine.nccl_topology.found_in));
  }
  return text;
}

std::string distance_text(const Machine& machine) {
  if (machine.gpus.gpus.empty() || machine.rdma.empty()) return {};
  std::vector<std::vector<std::string>> rows = {{""}};
  for (const auto& device : machine.rdma) rows.front().push_back(device.name);
  for (std::size_t index = 0; index < machine.gpus.gpus.size(); ++index) {
    std::vector<std::string> row = {fmt::format("GPU {}", index)};
    const auto* gpu = machine.find_pci(machine.gpus.gpus[index].pci_address);
    for (const auto& device : machine.rdma) {
      const auto* other = machine.find_pci(device.pci_address);
      row.emplace_back(gpu == nullptr || other == nullptr ? "?" : to_string(distance_between(*gpu, *other)));
    }
    rows.push_back(std::move(row));
  }
  return "\nDistances (PIX one bridge, PXB bridges, PHB host bridge, NODE NUMA node, SYS across nodes)\n" +
         format_table(rows);
}

// An interface that is only likely is shown, and no setting names it.
bool is_named(const RankPlan& plan) {
  return std::ranges::find(plan.settings.front(), topology::Library::kGloo, &topology::Setting::library) !=
         plan.settings.front().end();
}

std::string choice_text(const RankPlan& plan) {
  std::string text =
      fmt::format("\nSockets   {}: {}{}\n", plan.interface.name.empty() ? "-" : plan.interface.name,
                  plan.interface.reason, is_named(plan) ? "" : "; no setting names it until a peer is known (--peer)");
  const auto& first = plan.devices.front();
  if (first.all.empty()) return text + fmt::format("RDMA      none: {}\n", first.reason);
  text += fmt::format("RDMA      {} over {}\n", to_string(first.fabric), fmt::join(first.all, ", "));
  for (int rank = 0; rank < plan.ranks(); ++rank) {
    const auto& devices = plan.devices[static_cast<std::size_t>(rank)];
    text += fmt::format("  rank {}  {}\n", rank, devices.reason);
  }
  return text;
}

std::string settings_text(const RankPlan& plan) {
  const auto planned = planned_settings(plan);
  if (planned.empty()) return "\nSettings  none are needed\n";
  std::string text = "\nSettings for a run over several nodes, unless you set them\n";
  std::map<std::string, std::string> said;  // reason -> the setting that has it
  for (const auto& [setting, differs] : planned) {
    const auto [first, is_new] = said.emplace(setting.reason, setting.name);
    text +=
        fmt::format("  {}={}{}\n      {}\n", setting.name, setting.value, differs ? "   (rank 0; others differ)" : "",
                    is_new ? setting.reason : fmt::format("as for {}", first->second));
  }
  return text;
}

}  // namespace

std::string machine_title(const Machine& machine) {
  const auto& platform = machine.platform;
  std::string text = machine.host.hostname.empty() ? "this machine" : machine.host.hostname;
  std::string product = platform.vendor;
  if (!platform.product.empty()) product += (product.empty() ? "" : " ") + platform.product;
  append_unless_empty(text, product);
  append_unless_empty(text, platform.cloud != topology::Cloud::kNone ? to_string(platform.cloud)
                            : platform.is_virtual                    ? "virtual machine"
                                                                     : "bare metal");
  append_unless_empty(text, platform.kernel.empty() ? "" : "Linux " + platform.kernel);
  return text;
}

std::string gpu_direct_text(const topology::GpuDirect& direct) {
  if (!direct.is_there()) return "none";
  if (direct.peer_memory.empty()) return "dma-buf";
  return direct.dma_buf ? direct.peer_memory + ", dma-buf" : direct.peer_memory;
}

std::string machine_text(const Machine& machine, const RankPlan& plan) {
  return head_text(machine) + '\n' + tree_text(machine, plan) + distance_text(machine) + choice_text(plan) +
         settings_text(plan);
}

}  // namespace trireme::launcher
