#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "trireme/topology/gpu_inventory.h"
#include "trireme/topology/host_inventory.h"
#include "trireme/topology/nic.h"
#include "trireme/topology/pci_device.h"

namespace trireme::topology {

struct Package {
  int index = 0;
  std::string model{};  // "AMD EPYC 7V12 64-Core Processor"
  std::vector<int> cores{};
  friend bool operator==(const Package&, const Package&) = default;
};

// One cache and the logical processors that share it. Data and unified caches from level 2 on.
struct Cache {
  int level = 0;
  std::int64_t bytes = 0;
  std::vector<int> cores{};
  friend bool operator==(const Cache&, const Cache&) = default;
};

enum class Cloud { kNone, kAzure, kAws, kGoogle };
[[nodiscard]] const char* to_string(Cloud cloud) noexcept;  // "no cloud", "Azure", "AWS", "Google Cloud"

struct Platform {
  std::string vendor{};   // of the firmware's tables: "Microsoft Corporation"
  std::string product{};  // "Virtual Machine"; the instance type on AWS
  std::string kernel{};   // "6.8.0-1015-azure"
  bool is_virtual = false;
  Cloud cloud = Cloud::kNone;
  friend bool operator==(const Platform&, const Platform&) = default;
};

// What lets a network card read and write GPU memory.
struct GpuDirect {
  std::string peer_memory{};  // the loaded module: "nvidia_peermem", "nv_peer_mem"; empty: none
  bool dma_buf = false;       // kernel 5.12 or newer and NVIDIA's open kernel module
  [[nodiscard]] bool is_there() const noexcept { return dma_buf || !peer_memory.empty(); }
  friend bool operator==(const GpuDirect&, const GpuDirect&) = default;
};

// An IPv4 route of the main table, in host byte order.
struct Route {
  std::string interface {};
  std::uint32_t destination = 0;
  std::uint32_t mask = 0;
  friend bool operator==(const Route&, const Route&) = default;
};

// A description of the PCI tree for NCCL, made by whoever made the image, and how it was found.
struct TopologyFile {
  std::string path{};              // as programs see it; empty: none
  std::string found_in{};          // "/etc/nccl.conf", "NCCL's default place", …
  bool is_used_by_itself = false;  // NCCL takes it without being told
  friend bool operator==(const TopologyFile&, const TopologyFile&) = default;
};

// One machine, as far as the kernel shows it. A plain value: everything in trireme::topology is computed from it.
struct Machine {
  Platform platform{};
  HostInventory host{};
  std::vector<std::vector<int>> numa_distances{};  // [from][to] in the order of host.numa_nodes; empty when unknown
  std::vector<Package> packages{};
  std::vector<Cache> caches{};
  std::vector<PciDevice> pci{};  // by address
  GpuInventory gpus{};
  std::string nvidia_driver{};  // "580.95.05"; empty: not loaded
  GpuDirect gpu_direct{};
  std::vector<Nic> nics{};         // by name
  std::vector<RdmaDevice> rdma{};  // by name, mlx5_2 before mlx5_10
  std::vector<Route> routes{};
  TopologyFile nccl_topology{};
  friend bool operator==(const Machine&, const Machine&) = default;

  // nullptr when there is none of that name. Valid as long as the machine is neither changed nor moved.
  [[nodiscard]] const PciDevice* find_pci(std::string_view address) const noexcept;
  [[nodiscard]] const Nic* find_nic(std::string_view name) const noexcept;
};

struct MachineSource {
  // The root of the file system that is read: a test's folder, or "/" for this machine.
  std::filesystem::path root = "/";
  // Ask hwloc for packages and caches, which knows kernels and containers that hide theirs. Only where it was built in,
  // and only of this machine or of a description below; else /sys is read.
  bool use_hwloc = true;
  // hwloc's synthetic description ("pack:2 numa:1 core:4 pu:2") in place of this machine's processors; for tests.
  std::string hwloc_synthetic{};
};

// Reads /proc, /sys, /dev, /etc/nccl.conf and /opt below the root, and hwloc. Opens no device and loads no vendor's
// library; takes some milliseconds. Missing and torn files leave a figure empty and never throw.
[[nodiscard]] Machine inspect_machine(const MachineSource& source = {});

// "2.9.0", or empty when this build has no hwloc.
[[nodiscard]] std::string hwloc_version();

// GPUs' place in the PCI tree is hidden, as virtual machines do: every GPU seems to hang alone below a host bridge, so
// that no network card can be seen beside it. Needs a topology file. False without GPUs and RDMA devices.
[[nodiscard]] bool hides_pci_tree(const Machine& machine);

}  // namespace trireme::topology
