#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trireme/topology/machine.h"

// Which network a rank should use. Pure: a machine in, a choice and its reason in words out.
namespace trireme::topology {

// Which rank of the machine asks, and whom it wants to reach.
struct RankOnNode {
  int local_rank = 0;
  int local_size = 1;
  bool spans_nodes = true;  // the run has ranks on other nodes
  // IPv4 address of another node, or of the rendezvous ("10.0.0.4"). Empty or no such address: unknown.
  std::string peer{};
};

// An interface for sockets. `name` is empty when the choice is left to the libraries; `reason` says why in any case.
struct InterfaceChoice {
  std::string name{};
  std::string reason{};
  friend bool operator==(const InterfaceChoice&, const InterfaceChoice&) = default;
};

// By the route to `peer`, else the only interface that could be meant, else the one of the default route. Of a virtual
// function and the paravirtual interface beside it always the latter: it keeps the address when the host is serviced
// and the function goes away for a while.
[[nodiscard]] InterfaceChoice choose_interface(const Machine& machine, const std::string& peer);
// The network card behind an interface: the virtual function beside a paravirtual one, the first part of a bond, itself
// otherwise. nullptr when there is no such interface.
[[nodiscard]] const Nic* carrier_of(const Machine& machine, const std::string& interface);

enum class Fabric { kSockets, kInfiniBand, kRoce, kEfa };
[[nodiscard]] const char* to_string(Fabric fabric) noexcept;  // "sockets", "InfiniBand", "RoCE", "EFA"

// The devices for remote memory access.
struct DeviceChoice {
  Fabric fabric = Fabric::kSockets;
  std::vector<std::string> all{};          // that may be used on this machine
  std::vector<std::string> nearest{};      // of them, those for this rank; one unless there is nothing to choose by
  std::optional<int> gpu{};                // this rank's GPU, an index into machine.gpus.gpus
  Distance distance = Distance::kUnknown;  // from that GPU to the nearest device
  std::string reason{};
  friend bool operator==(const DeviceChoice&, const DeviceChoice&) = default;
};

// Local rank r gets GPU r, by PCI address (CUDA_DEVICE_ORDER=PCI_BUS_ID), and the device nearest to that GPU; where
// several are equally near, the GPUs take them in turn. Without GPUs the ranks share the devices out in order.
[[nodiscard]] DeviceChoice choose_devices(const Machine& machine, const RankOnNode& rank);
// Why a device is not to be used; empty when it may be.
[[nodiscard]] std::string objection_to(const Machine& machine, const RdmaDevice& device);

}  // namespace trireme::topology
