#pragma once

#include <string>
#include <vector>

#include "trireme/base/rank_environment.h"
#include "trireme/topology/choices.h"

namespace trireme::topology {

enum class Library { kNccl, kUcx, kOpenMpi, kGloo, kLibfabric, kCuda };
[[nodiscard]] const char* to_string(Library library) noexcept;

// One environment variable that a choice leads to.
struct Setting {
  Library library = Library::kNccl;
  std::string name{};
  std::string value{};
  std::string reason{};
  // Variables that mean the same or contradict: whoever set one of them has decided, and this one is left alone.
  std::vector<std::string> yields_to{};
  friend bool operator==(const Setting&, const Setting&) = default;
};

// The variables a rank should start with, in the order to show them. Pure. Empty for a rank whose run stays on one node
// without GPUs. Interfaces are only named when they are certain: the route to a known peer, or the only candidate.
[[nodiscard]] std::vector<Setting> settings_for(const Machine& machine, const RankOnNode& rank);

// Those of `settings` that `given` says nothing about: neither the variable is set, nor one it yields to. None at all
// when TRIREME_TOPOLOGY is "off".
[[nodiscard]] std::vector<Setting> without_given(std::vector<Setting> settings, const EnvironmentLookup& given);

// For a program that no launcher of ours started: inspects this machine and sets what the process's environment lacks.
// Returns what was set. Call it before MPI, NCCL or UCX are initialised and before there are threads: it uses setenv.
std::vector<Setting> apply_to_process(const RankOnNode& rank);
// The same for a rank that says where it stands. Does nothing for ranks that our launcher started: their agent did.
std::vector<Setting> apply_to_process(const RankEnvironment& environment);

// The partition that this machine's tenant is a full member of (without the member bit), when it stands at entry 1 of
// the device's table: libraries take entry 0 unless told. 0 when they need not be told.
[[nodiscard]] std::uint16_t tenant_key_past_entry_0(const RdmaDevice& device) noexcept;

// A description of GPUs and network cards for NCCL_TOPO_FILE, for virtual machines that hide the PCI tree and whose
// image brings none. Each GPU shares a bridge with the device that choose_devices() gives it.
[[nodiscard]] std::string nccl_topology_xml(const Machine& machine);

}  // namespace trireme::topology
