#include "context/own_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <memory>
#include <vector>

namespace trireme {
namespace {

std::string as_text(const sockaddr* address) {
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof text);
  return text;
}

// Of interfaces that are up; loopback last.
std::vector<std::string> addresses_of_this_machine() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  std::vector<std::string> addresses;
  std::vector<std::string> loopback;
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const bool is_ipv4 = entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == AF_INET;
    if (!is_ipv4 || (entry->ifa_flags & IFF_UP) == 0) continue;
    ((entry->ifa_flags & IFF_LOOPBACK) != 0 ? loopback : addresses).push_back(as_text(entry->ifa_addr));
  }
  addresses.insert(addresses.end(), loopback.begin(), loopback.end());
  return addresses;
}

std::string resolve(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  if (host.empty() || ::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  return as_text(found->ai_addr);
}

}  // namespace

std::string own_address(const std::string& master) {
  const auto own = addresses_of_this_machine();
  const auto wanted = resolve(master);
  if (std::ranges::find(own, wanted) != own.end()) return wanted;
  return own.empty() ? "127.0.0.1" : own.front();
}

}  // namespace trireme
