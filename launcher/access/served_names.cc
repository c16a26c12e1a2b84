#include "access/served_names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

namespace trireme::launcher {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return result;
}

// Without a zone: "fe80::1%eth0" is no name anybody types into a certificate.
std::string text_of_address(const sockaddr* address) {
  std::array<char, NI_MAXHOST> text{};
  const socklen_t size = address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  if (getnameinfo(address, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "";
  return text.data();
}

bool is_loopback_address(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    return (ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr) >> 24) == 127;
  }
  if (address->sa_family != AF_INET6) return false;
  return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr) != 0;
}

}  // namespace

ServedNames::ServedNames() : names_{"localhost", "127.0.0.1", "::1"} {}

void ServedNames::add(std::string_view name) {
  const std::string bare = host_without_port(name);
  if (!bare.empty()) names_.insert(bare);
}

bool ServedNames::contains(std::string_view host) const {
  const std::string name = host_without_port(host);
  if (names_.contains(name)) return true;
  const std::size_t dot = name.find('.');
  return dot != std::string::npos && dot > 0 && !is_address(name) && names_.contains("*" + name.substr(dot));
}

std::string ServedNames::to_text() const {
  std::string text;
  for (const std::string& name : names_) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string host_without_port(std::string_view host) {
  if (host.starts_with('[')) return lower(host.substr(1, host.find(']') - 1));
  const bool is_bare_ipv6 = std::ranges::count(host, ':') > 1;
  return lower(is_bare_ipv6 ? host : host.substr(0, host.find(':')));
}

bool is_address(const std::string& host) {
  in6_addr ignored;
  return is_ipv4(host) || inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

bool is_ipv4(const std::string& host) {
  in_addr ignored;
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1;
}

bool is_loopback(const std::string& host) {
  const addrinfo hints{.ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  for (; found != nullptr; found = found->ai_next) {
    if (!is_loopback_address(found->ai_addr)) return false;
  }
  return true;
}

bool is_every_interface(const std::string& host) { return host == "0.0.0.0" || host == "::" || host == "[::]"; }

ServedNames names_of_this_machine() {
  ServedNames names;
  std::array<char, 256> own_name{};
  if (gethostname(own_name.data(), own_name.size() - 1) == 0) names.add(own_name.data());
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return names;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(first, freeifaddrs);
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    const bool has_address =
        each->ifa_addr != nullptr && (each->ifa_addr->sa_family == AF_INET || each->ifa_addr->sa_family == AF_INET6);
    const std::string address = has_address ? text_of_address(each->ifa_addr) : "";
    if (address.find('%') == std::string::npos) names.add(address);
  }
  return names;
}

}  // namespace trireme::launcher
