#include "library_settings.h"
#include "trireme/base/message.h"

namespace trireme::topology {

namespace {

void add_topology_file(const Chosen& chosen, std::vector<Setting>& settings) {
  const auto& file = chosen.machine.nccl_topology;
  if (file.path.empty() || file.is_used_by_itself) return;
  settings.push_back({Library::kNccl,
                      "NCCL_TOPO_FILE",
                      file.path,
                      message("this machine hides its PCI switches; the file from {} describes them", file.found_in),
                      {}});
}

void add_fabric(const Chosen& chosen, std::vector<Setting>& settings) {
  const auto& devices = chosen.devices;
  const std::vector<std::string> yields = {"NCCL_IB_DISABLE", "NCCL_IB_HCA", "NCCL_NET"};
  if (devices.fabric == Fabric::kInfiniBand || devices.fabric == Fabric::kRoce) {
    settings.push_back({Library::kNccl, "NCCL_IB_HCA", "=" + listed(devices.all),
                        message("exactly the {} devices: NCCL itself gives each GPU its nearest, and must see the same "
                                "ones in every rank",
                                to_string(devices.fabric)),
                        yields});
  }
  if (devices.fabric == Fabric::kSockets && chosen.interface.name != "lo") {
    settings.push_back({Library::kNccl, "NCCL_IB_DISABLE", "1", "sockets only: " + devices.reason, yields});
  }
}

// For InfiniBand through a virtual function.
void add_virtual_machine(const Chosen& chosen, std::vector<Setting>& settings) {
  const auto& machine = chosen.machine;
  if (!machine.platform.is_virtual || chosen.devices.fabric != Fabric::kInfiniBand) return;
  settings.push_back({Library::kNccl,
                      "NCCL_IB_PCI_RELAXED_ORDERING",
                      "1",
                      "through a virtual function, strictly ordered PCI writes cost much of the bandwidth",
                      {}});
  if (!machine.nccl_topology.path.empty()) {
    settings.push_back({Library::kNccl,
                        "NCCL_IGNORE_CPU_AFFINITY",
                        "1",
                        "the topology file places threads; the affinity a virtual machine shows may contradict it",
                        {}});
  } else if (hides_pci_tree(machine) && machine.gpu_direct.is_there()) {
    settings.push_back(
        {Library::kNccl,
         "NCCL_NET_GDR_LEVEL",
         "SYS",
         "PCI switches are hidden and no topology file was found: NCCL would think every network card far "
         "from its GPU and not let it read GPU memory",
         {"NCCL_NET_GDR_READ", "NCCL_TOPO_FILE"}});
  }
}

}  // namespace

std::string listed(const std::vector<std::string>& names, const std::string& suffix) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name + suffix;
  return text;
}

void add_cuda_settings(const Chosen& chosen, std::vector<Setting>& settings) {
  if (chosen.machine.gpus.gpus.size() < 2) return;
  settings.push_back({Library::kCuda,
                      "CUDA_DEVICE_ORDER",
                      "PCI_BUS_ID",
                      "CUDA's GPU r is then the one that local rank r's network device was chosen for",
                      {}});
}

void add_nccl_settings(const Chosen& chosen, std::vector<Setting>& settings) {
  if (chosen.machine.gpus.gpus.empty()) return;
  add_topology_file(chosen, settings);
  if (!chosen.spans_nodes) return;
  if (!chosen.interface.name.empty()) {
    settings.push_back(
        {Library::kNccl, "NCCL_SOCKET_IFNAME", "=" + chosen.interface.name, chosen.interface.reason, {}});
  }
  add_fabric(chosen, settings);
  add_virtual_machine(chosen, settings);
}

void add_libfabric_settings(const Chosen& chosen, std::vector<Setting>& settings) {
  if (chosen.devices.fabric != Fabric::kEfa) return;
  settings.push_back({Library::kLibfabric,
                      "FI_PROVIDER",
                      "efa",
                      message("{} Elastic Fabric Adapters; NCCL reaches them through the aws-ofi-nccl plugin",
                              chosen.devices.all.size()),
                      {}});
  if (chosen.machine.gpus.gpus.empty()) return;
  settings.push_back({Library::kLibfabric,
                      "FI_EFA_USE_DEVICE_RDMA",
                      "1",
                      "the adapter may read and write GPU memory; older libfabric does so only when told",
                      {}});
}

void add_gloo_settings(const Chosen& chosen, std::vector<Setting>& settings) {
  if (chosen.interface.name.empty()) return;
  settings.push_back({Library::kGloo, "GLOO_SOCKET_IFNAME", chosen.interface.name, chosen.interface.reason, {}});
}

}  // namespace trireme::topology
