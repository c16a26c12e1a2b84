#include "connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace trireme::collectives {
namespace {

constexpr std::size_t kFramesPerCall = 16;
constexpr std::size_t kReadsPerTurn = 8;  // of one connection, before others get theirs

bool is_later(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

Connection::Connection(UniqueFd socket, Readiness& readiness, FrameSink& sink, std::size_t ahead)
    : socket_(std::move(socket)), ready_(readiness.watch(socket_.get())), reader_(sink, ahead) {}

// A socket that is closed over unread bytes is reset, and what it has not yet sent is lost with it.
Connection::~Connection() {
  constexpr int kAtMost = 256;
  std::array<std::byte, std::size_t{16} << 10> unread;
  for (int i = 0; i<kAtMost&& ::recv(socket_.get(), unread.data(), unread.size(), MSG_DONTWAIT)> 0; ++i) {
  }
}

void Connection::queue(const FrameHeader& header, const std::byte* payload, int peer, Batch& batch) {
  batch.posted(peer);
  outgoing_.push_back({encode(header), payload, header.length, peer, &batch});
}

// The next bytes to send, in as many parts as there is room for; returns their number.
std::size_t Connection::fill(std::span<iovec> parts) const {
  std::size_t count = 0;
  auto skipped = sent_;
  const auto add = [&](const std::byte* data, std::size_t length) {
    const auto skip = std::min(skipped, length);
    skipped -= skip;
    if (skip < length) parts[count++] = {const_cast<std::byte*>(data) + skip, length - skip};
  };
  for (const auto& frame : outgoing_) {
    if (count + 2 > parts.size()) break;
    add(frame.header.data(), frame.header.size());
    add(frame.payload, frame.length);
  }
  return count;
}

bool Connection::send() {
  bool moved = false;
  while (is_open_ && ready_.to_write && !outgoing_.empty()) {
    std::array<iovec, 2 * kFramesPerCall> parts;
    msghdr call{};
    call.msg_iov = parts.data();
    call.msg_iovlen = fill(parts);
    const auto bytes = ::sendmsg(socket_.get(), &call, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) {
      ready_.to_write = false;  // until there is room again, which is an event
      if (!is_later(errno)) close(errno);
      break;
    }
    sent(static_cast<std::size_t>(bytes));
    moved = true;
  }
  return moved;
}

void Connection::sent(std::size_t bytes) {
  sent_ += bytes;
  while (!outgoing_.empty() && sent_ >= outgoing_.front().header.size() + outgoing_.front().length) {
    const auto& frame = outgoing_.front();
    sent_ -= frame.header.size() + frame.length;
    frame.batch->completed(frame.peer);
    outgoing_.pop_front();
  }
}

bool Connection::receive() {
  bool moved = false;
  if (reader_.is_waiting()) moved = reader_.resume();
  for (std::size_t i = 0; i < kReadsPerTurn && is_open_ && ready_.to_read && !reader_.is_waiting(); ++i) {
    const auto targets = reader_.targets();
    std::size_t room = 0;
    for (const auto& target : targets) room += target.iov_len;
    const auto bytes = ::readv(socket_.get(), targets.data(), static_cast<int>(targets.size()));
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) {
      ready_.to_read = false;
      if (bytes == 0 || !is_later(errno)) close(bytes == 0 ? 0 : errno);
      break;
    }
    // Less than there was room for was all there is, and the next bytes are an event; the end may have been one
    // already.
    if (static_cast<std::size_t>(bytes) < room && !ready_.is_ending) ready_.to_read = false;
    reader_.advance(static_cast<std::size_t>(bytes));
    moved = true;
  }
  if (moved && !ready_.to_read && reader_.is_midway()) acknowledge_at_once();
  return moved;
}

// A rank answers what it receives, which the kernel takes for a conversation in which an acknowledgement may wait up to
// 40 ms for data to travel with. The peer's window may be so small that it waits for just that one before it sends the
// rest of a frame. Elsewhere acknowledgements are the kernel's: each is a packet more on the link. The kernel forgets
// this choice as it reads.
void Connection::acknowledge_at_once() const noexcept {
  constexpr int kOn = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_QUICKACK, &kOn, sizeof kOn);
}

void Connection::close(int error) {
  is_open_ = false;
  end_ = error == 0 ? "closed by the peer" : std::generic_category().message(error);
}

void Connection::cancel(const Batch& batch) noexcept {
  std::erase_if(outgoing_, [&](const Frame& frame) { return frame.batch == &batch; });
}

}  // namespace trireme::collectives
