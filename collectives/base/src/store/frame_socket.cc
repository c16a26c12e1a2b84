#include "store/frame_socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

namespace trireme::detail {

namespace {
bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }
}  // namespace

FrameSocket::FrameSocket(UniqueFd socket, std::size_t receive_limit)
    : socket_(std::move(socket)), decoder_(receive_limit) {}

// One buffer a call: a peer that sends without pause cannot keep the others waiting.
bool FrameSocket::receive() {
  std::array<char, 65536> bytes;
  const auto received = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (received > 0) {
    decoder_.feed(std::string_view(bytes.data(), static_cast<std::size_t>(received)));
    return true;
  }
  if (received < 0 && would_block(errno)) return true;
  error_ = received == 0 ? "closed by the peer" : std::generic_category().message(errno);
  return false;
}

void FrameSocket::queue(const StoreFrame& frame) {
  // A peer that is always a little behind must not make the sent part grow for ever.
  if (sent_ > unsent_.size() / 2) {
    unsent_.erase(0, sent_);
    sent_ = 0;
  }
  append_frame(unsent_, frame);
}

bool FrameSocket::flush() noexcept {
  while (wants_to_send()) {
    const auto sent =
        ::send(socket_.get(), unsent_.data() + sent_, unsent_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return would_block(errno);
    sent_ += static_cast<std::size_t>(sent);
  }
  unsent_.clear();
  sent_ = 0;
  return true;
}

void FrameSocket::finish_sending() noexcept { ::shutdown(socket_.get(), SHUT_WR); }

}  // namespace trireme::detail
