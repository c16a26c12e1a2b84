#include "agent/line_channel.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <nlohmann/json.hpp>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr std::size_t kLongestLine = 1024 * 1024;
constexpr std::size_t kMostDescriptors = 3;
constexpr std::size_t kControlBytes = CMSG_SPACE(kMostDescriptors * sizeof(int));

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof(address.sun_path)) {
    throw ConfigError(message("socket path {} is longer than {} bytes; set TMPDIR to a shorter folder", text,
                              sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  return address;
}

UniqueFd make_socket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw Error(message("cannot make a unix socket: {}", std::strerror(errno)));
  return socket;
}

// Sends the first bytes together with the descriptors; returns the bytes sent, or -1.
ssize_t send_with_descriptors(int socket, const std::string& bytes, const std::vector<int>& descriptors) {
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
  cmsghdr* item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  std::memcpy(CMSG_DATA(item), descriptors.data(), descriptors.size() * sizeof(int));
  return sendmsg(socket, &header, MSG_NOSIGNAL);
}

void collect_descriptors(msghdr& header, std::vector<UniqueFd>& into) {
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t index = 0; index < count; ++index) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(item) + index * sizeof(int), sizeof(int));
      into.emplace_back(fd);
    }
  }
}

}  // namespace

bool LineChannel::send(const nlohmann::json& message, const std::vector<int>& descriptors) {
  const std::string line = message.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
  const std::lock_guard lock(send_mutex_);
  std::size_t done = 0;
  while (done < line.size()) {
    const bool with_descriptors = done == 0 && !descriptors.empty();
    const ssize_t count = with_descriptors
                              ? send_with_descriptors(socket_.get(), line, descriptors)
                              : ::send(socket_.get(), line.data() + done, line.size() - done, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

bool LineChannel::fill() {
  std::array<char, 65536> bytes;
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  iovec part{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  for (;;) {
    const ssize_t count = recvmsg(socket_.get(), &header, MSG_CMSG_CLOEXEC);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || buffer_.size() > kLongestLine) return false;
    collect_descriptors(header, descriptors_);
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
  }
}

std::optional<std::string> LineChannel::take_buffered() {
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return line;
}

std::optional<std::string> LineChannel::receive() {
  for (;;) {
    if (auto line = take_buffered()) return line;
    if (!fill()) return std::nullopt;
  }
}

void LineChannel::shut_down() noexcept { ::shutdown(socket_.get(), SHUT_RDWR); }

UniqueFd listen_unix(const std::filesystem::path& path) {
  const sockaddr_un address = address_of(path);
  UniqueFd socket = make_socket();
  ::unlink(path.c_str());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(socket.get(), 256) != 0) {
    throw ConfigError(message("cannot listen on {}: {}", path.string(), std::strerror(errno)));
  }
  return socket;
}

UniqueFd connect_unix(const std::filesystem::path& path) {
  const sockaddr_un address = address_of(path);
  UniqueFd socket = make_socket();
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw ConfigError(message("cannot reach the node's agent at {}: {}", path.string(), std::strerror(errno)));
  }
  return socket;
}

bool is_own_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == getuid();
}

nlohmann::json parse_line(const std::string& line) {
  nlohmann::json message = nlohmann::json::parse(line, nullptr, false);
  return message.is_object() ? message : nlohmann::json::object();
}

}  // namespace trireme::launcher
