#include "seqpacket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr std::size_t kLargestPacket = 4096;
constexpr auto kNameOffset = offsetof(sockaddr_un, sun_path);

[[noreturn]] void fail(const char* call) {
  throw CommError(message("{} on a unix socket of the shm backend: {}", call, std::strerror(errno)));
}

UniqueFd make_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!socket) fail("socket");
  return socket;
}

bool readable_until(const UniqueFd& fd, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wanted{fd.get(), POLLIN, 0};
    const auto wait = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 1000);
    const int ready = ::poll(&wanted, 1, static_cast<int>(wait));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) fail("poll");
    if (left.count() <= 0) return false;
  }
}

ucred credentials(const UniqueFd& socket) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) fail("getsockopt(SO_PEERCRED)");
  return peer;
}

// Room for one descriptor in a control message.
union Control {
  cmsghdr header;
  std::byte bytes[CMSG_SPACE(sizeof(int))];
};

UniqueFd take_descriptor(msghdr& packet) {
  const cmsghdr* header = CMSG_FIRSTHDR(&packet);
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS) return {};
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

}  // namespace

UniqueFd listen_abstract() {
  auto listener = make_socket();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)) != 0) fail("bind");
  if (::listen(listener.get(), SOMAXCONN) != 0) fail("listen");
  return listener;
}

std::string abstract_name(const UniqueFd& listener) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) fail("getsockname");
  return {address.sun_path + 1, length - kNameOffset - 1};
}

UniqueFd connect_abstract(const std::string& name) {
  auto socket = make_socket();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.empty() || name.size() >= sizeof address.sun_path)
    throw CommError("the store holds no name of a unix socket");
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(kNameOffset + 1 + name.size());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) fail("connect");
  return socket;
}

std::optional<UniqueFd> accept_until(const UniqueFd& listener, Deadline deadline) {
  while (readable_until(listener, deadline)) {
    UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (socket && credentials(socket).uid == ::geteuid()) return socket;
  }
  return std::nullopt;
}

void send_packet(const UniqueFd& socket, std::string_view bytes, const UniqueFd& fd) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  Control control{};
  if (fd) {
    packet.msg_control = &control;
    packet.msg_controllen = sizeof control.bytes;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    const int raw = fd.get();
    std::memcpy(CMSG_DATA(&control.header), &raw, sizeof raw);
  }
  if (::sendmsg(socket.get(), &packet, MSG_NOSIGNAL) < 0) fail("sendmsg");
}

std::optional<Packet> receive_packet(const UniqueFd& socket, Deadline deadline) {
  if (!readable_until(socket, deadline)) return std::nullopt;
  Packet received;
  received.bytes.resize(kLargestPacket);
  iovec part{received.bytes.data(), received.bytes.size()};
  Control control{};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  packet.msg_control = &control;
  packet.msg_controllen = sizeof control.bytes;
  const auto length = ::recvmsg(socket.get(), &packet, MSG_CMSG_CLOEXEC);
  if (length < 0) fail("recvmsg");
  if (length == 0) throw CommError("a peer closed its unix socket while the ranks of a node were meeting");
  received.fd = take_descriptor(packet);
  received.bytes.resize(static_cast<std::size_t>(length));
  return received;
}

pid_t peer_process(const UniqueFd& socket) { return credentials(socket).pid; }

}  // namespace trireme::collectives
