#include "trireme/topology/settings.h"

#include <algorithm>

#include "library_settings.h"
#include "trireme/base/message.h"

namespace trireme::topology {

namespace {

// A wrong interface stops a run; none at all leaves the libraries their own search. So it takes a known peer, or the
// absence of a choice.
bool is_certain(const Machine& machine, const RankOnNode& rank, const InterfaceChoice& choice) {
  if (choice.name.empty()) return false;
  if (!rank.peer.empty()) return true;
  return choice.reason.starts_with("the only") || machine.platform.cloud == Cloud::kAzure;
}

}  // namespace

const char* to_string(Library library) noexcept {
  switch (library) {
    case Library::kNccl:
      return "NCCL";
    case Library::kUcx:
      return "UCX";
    case Library::kOpenMpi:
      return "Open MPI";
    case Library::kGloo:
      return "gloo";
    case Library::kLibfabric:
      return "libfabric";
    case Library::kCuda:
      return "CUDA";
  }
  return "?";
}

std::vector<Setting> settings_for(const Machine& machine, const RankOnNode& rank) {
  Chosen chosen{.machine = machine,
                .interface = choose_interface(machine, rank.peer),
                .devices = choose_devices(machine, rank),
                .spans_nodes = rank.spans_nodes};
  if (!is_certain(machine, rank, chosen.interface)) chosen.interface.name.clear();
  // A cluster rehearsed on one machine talks through loopback, however good the network cards are.
  if (chosen.interface.name == "lo") chosen.devices.fabric = Fabric::kSockets;
  std::vector<Setting> settings;
  add_cuda_settings(chosen, settings);
  add_nccl_settings(chosen, settings);
  if (!rank.spans_nodes) return settings;
  add_libfabric_settings(chosen, settings);
  add_gloo_settings(chosen, settings);
  if (chosen.interface.name == "lo") return settings;
  add_ucx_settings(chosen, settings);
  add_open_mpi_settings(chosen, settings);
  return settings;
}

std::vector<Setting> without_given(std::vector<Setting> settings, const EnvironmentLookup& given) {
  if (given("TRIREME_TOPOLOGY") == "off") return {};
  std::erase_if(settings, [&](const Setting& setting) {
    const auto is_given = [&](const std::string& name) { return given(name).has_value(); };
    return is_given(setting.name) || std::ranges::any_of(setting.yields_to, is_given);
  });
  return settings;
}

}  // namespace trireme::topology
