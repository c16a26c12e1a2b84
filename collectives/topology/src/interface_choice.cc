#include <arpa/inet.h>

#include <algorithm>
#include <bit>

#include "trireme/base/message.h"
#include "trireme/topology/choices.h"

namespace trireme::topology {

namespace {

std::optional<std::uint32_t> ipv4(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

bool is_loopback(std::uint32_t address) { return address >> 24U == 127; }

// The longest prefix wins, as in the kernel. The default route is the shortest.
const Route* route_to(const Machine& machine, std::uint32_t address) {
  const Route* best = nullptr;
  for (const auto& route : machine.routes) {
    if ((address & route.mask) != route.destination) continue;
    if (best == nullptr || std::popcount(route.mask) > std::popcount(best->mask)) best = &route;
  }
  return best;
}

bool is_bond(const Nic& nic) { return nic.kind == NicKind::kSoftware && !nic.lower.empty(); }

bool is_candidate(const Nic& nic) {
  const bool is_device = nic.kind != NicKind::kSoftware || is_bond(nic);
  return is_device && nic.is_up && nic.master.empty() && nic.link_layer == "Ethernet";
}

std::vector<const Nic*> candidates_of(const Machine& machine) {
  std::vector<const Nic*> found;
  for (const auto& nic : machine.nics) {
    // A bridge of containers has parts that are no devices.
    const bool has_device = !is_bond(nic) || std::ranges::any_of(nic.lower, [&](const std::string& part) {
      const auto* lower = machine.find_nic(part);
      return lower != nullptr && lower->kind != NicKind::kSoftware;
    });
    if (is_candidate(nic) && has_device) found.push_back(&nic);
  }
  return found;
}

// Of a virtual function beside a paravirtual interface, or a part of a bond, the whole.
InterfaceChoice whole_of(const Machine& machine, const std::string& name, const std::string& reason) {
  const auto* nic = machine.find_nic(name);
  if (nic == nullptr || nic->master.empty()) return {name, reason};
  const auto* master = machine.find_nic(nic->master);
  const bool is_bridge = master == nullptr || master->link_layer != "Ethernet";
  if (is_bridge) return {name, reason};
  return {nic->master,
          message("{}; {} is only a part of {}, which keeps the address when it goes away", reason, name, nic->master)};
}

InterfaceChoice explain_carrier(const Machine& machine, InterfaceChoice choice) {
  const auto* nic = machine.find_nic(choice.name);
  const auto* carrier = carrier_of(machine, choice.name);
  if (nic == nullptr || carrier == nullptr || carrier == nic || nic->kind != NicKind::kParavirtual) return choice;
  choice.reason += message(
      "; its traffic goes through the virtual function {} ({}), and through {} itself while the "
      "host is serviced",
      carrier->name, carrier->model.empty() ? carrier->driver : carrier->model, nic->name);
  return choice;
}

InterfaceChoice choose_without_peer(const Machine& machine) {
  const auto candidates = candidates_of(machine);
  if (candidates.size() == 1) return {candidates.front()->name, "the only network interface that is up"};
  const auto* route = route_to(machine, 0);
  const bool is_known = route != nullptr && machine.find_nic(route->interface) != nullptr;
  if (route != nullptr && route->mask == 0 && is_known) {
    return whole_of(machine, route->interface, "the default route goes through it");
  }
  if (candidates.empty()) return {"", "no network interface is up"};
  std::string names;
  for (const auto* nic : candidates) names += (names.empty() ? "" : ", ") + nic->name;
  return {"", message("{} are up, there is no default route, and no peer is known", names)};
}

}  // namespace

const Nic* carrier_of(const Machine& machine, const std::string& interface) {
  const auto* nic = machine.find_nic(interface);
  if (nic == nullptr) return nullptr;
  for (const auto& part : nic->lower) {
    const auto* lower = machine.find_nic(part);
    if (lower != nullptr && lower->kind != NicKind::kSoftware) return lower;
  }
  return nic;
}

InterfaceChoice choose_interface(const Machine& machine, const std::string& peer) {
  const auto address = ipv4(peer);
  if (address && is_loopback(*address)) return {"lo", message("{} is this machine", peer)};
  const auto* route = address ? route_to(machine, *address) : nullptr;
  auto choice = route != nullptr ? whole_of(machine, route->interface, message("the route to {} goes through it", peer))
                                 : choose_without_peer(machine);
  return explain_carrier(machine, std::move(choice));
}

}  // namespace trireme::topology
