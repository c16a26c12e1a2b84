#include "doctor/port_probe.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <memory>

#include "providers/local/port_holder.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

namespace {

constexpr int kPatienceMilliseconds = 2000;

// 0 when connected, else the error number.
int connect_within_patience(const sockaddr* address, socklen_t length, int family) {
  const UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno;
  if (connect(socket.get(), address, length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd watched{socket.get(), POLLOUT, 0};
  if (poll(&watched, 1, kPatienceMilliseconds) <= 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

sockaddr_in ipv4_address(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

const sockaddr* generic(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

struct Peer {
  std::string host;
  std::string port;
};

Peer parse_peer(const std::string& text) {
  const auto colon = text.rfind(':');
  int port = 0;
  const auto* end = text.data() + text.size();
  const bool has_colon = colon != std::string::npos && colon > 0;
  const auto parsed = has_colon ? std::from_chars(text.data() + colon + 1, end, port) : std::from_chars_result{end, {}};
  if (!has_colon || parsed.ptr != end || parsed.ec != std::errc{} || port < 1 || port > 65535) {
    throw ConfigError(message("--connect {} is no HOST:PORT; write for example --connect 10.0.0.5:8787", text));
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

std::string address_of(const std::string& interface) {
  ifaddrs* list = nullptr;
  std::string found = "127.0.0.1";
  if (interface.empty() || getifaddrs(&list) != 0) return found;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> guard(list, freeifaddrs);
  for (const auto* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET || interface != entry->ifa_name) continue;
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr, text, sizeof(text));
    found = text;
  }
  return found;
}

PortFact probe_port(const std::string& address, std::uint16_t port) {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  const auto anywhere = ipv4_address("0.0.0.0", port);
  if (bind(listener.get(), generic(anywhere), sizeof(anywhere)) != 0 || listen(listener.get(), 1) != 0) {
    const bool is_forbidden = errno == EACCES;
    return {port, PortState::kTaken, is_forbidden ? "only root may listen on it" : describe_port_holder(port)};
  }
  const auto through = ipv4_address(address, port);
  const int error = connect_within_patience(generic(through), sizeof(through), AF_INET);
  if (error == 0) return {port, PortState::kFree, ""};
  return {port, PortState::kBlocked, std::strerror(error)};
}

PeerFact probe_peer(const std::string& peer) {
  const auto [host, port] = parse_peer(peer);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); error != 0) {
    return {peer, Reach::kBlocked, message("the name cannot be looked up: {}", gai_strerror(error))};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(list, freeaddrinfo);
  const int error = connect_within_patience(list->ai_addr, list->ai_addrlen, list->ai_family);
  if (error == 0) return {peer, Reach::kOpen, ""};
  return {peer, error == ECONNREFUSED ? Reach::kRefused : Reach::kBlocked, std::strerror(error)};
}

}  // namespace trireme::launcher
