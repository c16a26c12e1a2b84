#include <algorithm>
#include <cstdio>

#include "library_settings.h"
#include "trireme/base/message.h"

namespace trireme::topology {

namespace {

constexpr std::uint16_t kFullMember = 0x8000;
constexpr std::uint16_t kDefaultKey = 0x7fff;

bool is_verbs(Fabric fabric) { return fabric == Fabric::kInfiniBand || fabric == Fabric::kRoce; }

const RdmaDevice* find_rdma(const Machine& machine, const std::string& name) {
  const auto found = std::ranges::find(machine.rdma, name, &RdmaDevice::name);
  return found == machine.rdma.end() ? nullptr : &*found;
}

std::string hexadecimal(std::uint16_t value) {
  char text[8];
  std::snprintf(text, sizeof(text), "0x%04x", value);
  return text;
}

void add_partition_key(const Chosen& chosen, std::vector<Setting>& settings) {
  const auto* device = find_rdma(chosen.machine, chosen.devices.nearest.front());
  const auto key = device == nullptr ? std::uint16_t{0} : tenant_key_past_entry_0(*device);
  if (key == 0) return;
  settings.push_back({Library::kUcx,
                      "UCX_IB_PKEY",
                      hexadecimal(key),
                      message("the partition this machine is a full member of stands at entry 1 of {}'s table, and UCX "
                              "would take entry 0",
                              device->name),
                      {}});
}

// Beside a virtual function that looks like an RDMA device and is none, Open MPI and UCX must be told.
bool has_misleading_device(const Chosen& chosen) {
  return chosen.devices.fabric == Fabric::kSockets && !chosen.machine.rdma.empty();
}

}  // namespace

std::uint16_t tenant_key_past_entry_0(const RdmaDevice& device) noexcept {
  const auto [first, second] = device.partition_keys;
  const bool second_is_tenants = (second & kFullMember) != 0 && (second & kDefaultKey) != kDefaultKey;
  const bool first_is_tenants = (first & kFullMember) != 0 && (first & kDefaultKey) != kDefaultKey;
  return second_is_tenants && !first_is_tenants ? static_cast<std::uint16_t>(second & kDefaultKey) : 0;
}

void add_ucx_settings(const Chosen& chosen, std::vector<Setting>& settings) {
  const std::vector<std::string> yields = {"UCX_TLS", "UCX_NET_DEVICES"};
  const auto& devices = chosen.devices;
  if (is_verbs(devices.fabric)) {
    const bool has_gpus = !chosen.machine.gpus.gpus.empty();
    settings.push_back({Library::kUcx, "UCX_NET_DEVICES", listed(devices.nearest, ":1"), devices.reason, yields});
    settings.push_back({Library::kUcx, "UCX_TLS", has_gpus ? "rc,sm,self,cuda_copy,cuda_ipc" : "rc,sm,self",
                        message("reliable connections over {}, shared memory in a node", to_string(devices.fabric)),
                        yields});
    add_partition_key(chosen, settings);
    return;
  }
  if (chosen.interface.name.empty()) return;
  settings.push_back({Library::kUcx, "UCX_NET_DEVICES", chosen.interface.name, chosen.interface.reason, yields});
  settings.push_back({Library::kUcx, "UCX_TLS", "tcp,sm,self", "sockets between nodes: " + devices.reason, yields});
}

void add_open_mpi_settings(const Chosen& chosen, std::vector<Setting>& settings) {
  const auto& interface = chosen.interface;
  if (!interface.name.empty()) {
    settings.push_back({Library::kOpenMpi,
                        "OMPI_MCA_btl_tcp_if_include",
                        interface.name,
                        interface.reason,
                        {"OMPI_MCA_btl_tcp_if_exclude"}});
    settings.push_back({Library::kOpenMpi,
                        "OMPI_MCA_oob_tcp_if_include",
                        interface.name,
                        "mpirun's own connections take the same way",
                        {"OMPI_MCA_oob_tcp_if_exclude"}});
  }
  const std::vector<std::string> yields = {"OMPI_MCA_pml", "OMPI_MCA_btl", "OMPI_MCA_mtl"};
  if (is_verbs(chosen.devices.fabric)) {
    settings.push_back({Library::kOpenMpi, "OMPI_MCA_btl", "^openib",
                        "UCX drives the devices; Open MPI takes it by itself where it was built with it", yields});
  } else if (has_misleading_device(chosen)) {
    settings.push_back(
        {Library::kOpenMpi, "OMPI_MCA_pml", "ob1",
         "UCX would take the device for a RoCE card and find no way to other nodes: " + chosen.devices.reason, yields});
    settings.push_back({Library::kOpenMpi, "OMPI_MCA_btl", "self,vader,tcp",
                        "shared memory in a node, sockets between nodes", yields});
  }
  if (is_verbs(chosen.devices.fabric) && !chosen.machine.gpus.gpus.empty()) {
    settings.push_back(
        {Library::kOpenMpi, "OMPI_MCA_coll_hcoll_enable", "0", "NCCL does the collectives between GPUs", {}});
  }
}

}  // namespace trireme::topology
