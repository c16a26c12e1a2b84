#include "topo/machine_json.h"

#include <fmt/format.h>

#include "topo/device_tree.h"

namespace trireme::launcher {

namespace {

using nlohmann::json;

template <typename T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}
json or_null(const std::string& text) { return text.empty() ? json() : json(text); }

json of(const topology::NumaNode& node) {
  return {{"index", node.index}, {"cores", node.cores}, {"memory_bytes", node.memory_bytes}};
}
json of(const topology::Package& package) {
  return {{"index", package.index}, {"model", or_null(package.model)}, {"cores", package.cores}};
}
json of(const topology::Cache& cache) {
  return {{"level", cache.level}, {"bytes", cache.bytes}, {"cores", cache.cores}};
}
json of(const topology::Nic& nic) {
  return {{"name", nic.name},
          {"kind", to_string(nic.kind)},
          {"family", to_string(nic.family)},
          {"model", or_null(nic.model)},
          {"driver", or_null(nic.driver)},
          {"pci_address", or_null(nic.pci_address)},
          {"mac", or_null(nic.mac)},
          {"numa_node", or_null(nic.numa_node)},
          {"megabits", or_null(nic.megabits)},
          {"mtu", nic.mtu},
          {"up", nic.is_up},
          {"wireless", nic.is_wireless},
          {"link_layer", or_null(nic.link_layer)},
          {"master", or_null(nic.master)},
          {"lower", nic.lower},
          {"rdma_device", or_null(nic.rdma_device)}};
}
json of(const topology::Machine& machine, const topology::RdmaDevice& device) {
  return {{"name", device.name},
          {"kind", to_string(device.kind)},
          {"family", to_string(device.family)},
          {"model", or_null(device.model)},
          {"pci_address", or_null(device.pci_address)},
          {"numa_node", or_null(device.numa_node)},
          {"link_layer", or_null(device.link_layer)},
          {"active", device.is_active},
          {"gigabits", device.gigabits},
          {"interface", or_null(device.netdev)},
          {"partition_keys",
           {fmt::format("0x{:04x}", device.partition_keys[0]), fmt::format("0x{:04x}", device.partition_keys[1])}},
          {"objection", or_null(objection_to(machine, device))}};
}

json gpus_of(const topology::Machine& machine) {
  json gpus = json::array();
  for (const auto& gpu : machine.gpus.gpus) {
    json distances = json::object();
    const auto* device = machine.find_pci(gpu.pci_address);
    for (const auto& rdma : machine.rdma) {
      const auto* other = machine.find_pci(rdma.pci_address);
      if (device != nullptr && other != nullptr) distances[rdma.name] = to_string(distance_between(*device, *other));
    }
    gpus.push_back({{"pci_address", or_null(gpu.pci_address)},
                    {"model", or_null(gpu.model)},
                    {"uuid", or_null(gpu.uuid)},
                    {"device_minor", or_null(gpu.device_minor)},
                    {"usable", gpu.is_usable()},
                    {"capability", or_null(gpu_capability(machine, gpu))},
                    {"numa_node", or_null(gpu.numa_node)},
                    {"path", device == nullptr ? json() : json(device->path)},
                    {"distances", distances}});
  }
  return gpus;
}

json settings_of(const std::vector<topology::Setting>& settings) {
  json list = json::array();
  for (const auto& setting : settings) {
    list.push_back({{"library", to_string(setting.library)},
                    {"name", setting.name},
                    {"value", setting.value},
                    {"reason", setting.reason}});
  }
  return list;
}

json ranks_of(const RankPlan& plan) {
  json ranks = json::array();
  for (std::size_t rank = 0; rank < plan.devices.size(); ++rank) {
    const auto& devices = plan.devices[rank];
    ranks.push_back({{"local_rank", rank},
                     {"gpu", or_null(devices.gpu)},
                     {"fabric", to_string(devices.fabric)},
                     {"devices", devices.nearest},
                     {"distance", devices.nearest.empty() ? json() : json(to_string(devices.distance))},
                     {"reason", devices.reason},
                     {"settings", settings_of(plan.settings[rank])}});
  }
  return ranks;
}

template <typename Items>
json list_of(const Items& items) {
  json list = json::array();
  for (const auto& item : items) list.push_back(of(item));
  return list;
}

}  // namespace

json machine_json(const topology::Machine& machine, const RankPlan& plan) {
  json rdma = json::array();
  for (const auto& device : machine.rdma) rdma.push_back(of(machine, device));
  const auto& platform = machine.platform;
  return {{"hostname", or_null(machine.host.hostname)},
          {"platform",
           {{"vendor", or_null(platform.vendor)},
            {"product", or_null(platform.product)},
            {"kernel", or_null(platform.kernel)},
            {"virtual", platform.is_virtual},
            {"cloud", platform.cloud == topology::Cloud::kNone ? json() : json(to_string(platform.cloud))},
            {"hides_pci_tree", hides_pci_tree(machine)}}},
          {"cores", machine.host.cores},
          {"memory_bytes", machine.host.memory_bytes},
          {"numa_nodes", list_of(machine.host.numa_nodes)},
          {"numa_distances", machine.numa_distances},
          {"packages", list_of(machine.packages)},
          {"caches", list_of(machine.caches)},
          {"gpus", gpus_of(machine)},
          {"nvidia_driver", or_null(machine.nvidia_driver)},
          {"gpu_direct",
           {{"peer_memory", or_null(machine.gpu_direct.peer_memory)}, {"dma_buf", machine.gpu_direct.dma_buf}}},
          {"nccl_topology_file", or_null(machine.nccl_topology.path)},
          {"interfaces", list_of(machine.nics)},
          {"rdma_devices", rdma},
          {"sockets", {{"interface", or_null(plan.interface.name)}, {"reason", plan.interface.reason}}},
          {"ranks", ranks_of(plan)}};
}

}  // namespace trireme::launcher
