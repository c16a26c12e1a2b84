#include "readiness.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

[[noreturn]] void fail(const char* call) {
  throw CommError(message("tcp: {} failed: {}", call, std::generic_category().message(errno)));
}

}  // namespace

Readiness::Readiness() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), bell_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!epoll_) fail("epoll_create1");
  if (!bell_) fail("eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, bell_.get(), &event) != 0) fail("epoll_ctl");
}

Ready& Readiness::watch(int socket) {
  auto& flags = flags_.emplace_back();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &flags;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event) != 0) fail("epoll_ctl");
  return flags;
}

// epoll_wait counts in milliseconds, so waiting is left to ppoll.
void Readiness::look(std::chrono::nanoseconds patience) {
  if (patience.count() > 0) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
    const timespec most{seconds.count(), (patience - seconds).count()};
    pollfd any{epoll_.get(), POLLIN, 0};
    if (::ppoll(&any, 1, &most, nullptr) == 0) return;
  }
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), 0);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    auto* flags = static_cast<Ready*>(event.data.ptr);
    if (flags == nullptr) {
      std::uint64_t rings = 0;
      [[maybe_unused]] const auto taken = ::read(bell_.get(), &rings, sizeof rings);
      continue;
    }
    flags->to_read |= (event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0;
    flags->is_ending |= (event.events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP)) != 0;
    flags->to_write |= (event.events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
  }
}

void Readiness::wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(bell_.get(), &one, sizeof one);
}

}  // namespace trireme::collectives
