#include "raw_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>

namespace trireme::launcher {

RawPeer::RawPeer(std::uint16_t port, int receive_buffer) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (receive_buffer > 0) ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
}

void RawPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the other side has closed: what it said before is still there to read
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void RawPeer::finish() { ::shutdown(fd_.get(), SHUT_WR); }

// False at the connection's end.
bool RawPeer::read_some() {
  char buffer[16384];
  const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    throw std::runtime_error("nothing came for 10 s; so far: " + read_.substr(0, 500));
  }
  if (got > 0) read_.append(buffer, static_cast<std::size_t>(got));
  return got > 0;
}

std::string RawPeer::read_until(std::string_view end) {
  std::size_t at = read_.find(end);
  while (at == std::string::npos) {
    const std::size_t searched = read_.size() - std::min(read_.size(), end.size());
    if (!read_some()) {
      throw std::runtime_error("closed before \"" + std::string(end) + "\" came: " + read_.substr(0, 500));
    }
    at = read_.find(end, searched);
  }
  std::string taken = read_.substr(0, at + end.size());
  read_.erase(0, taken.size());
  return taken;
}

std::string RawPeer::read_to_end() {
  while (read_some()) {
  }
  return std::exchange(read_, {});
}

std::string http(std::uint16_t port, const std::string& method, const std::string& target, const std::string& headers) {
  RawPeer peer(port);
  peer.send(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers + "\r\n");
  return peer.read_to_end();
}

}  // namespace trireme::launcher
