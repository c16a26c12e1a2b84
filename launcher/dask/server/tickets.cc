#include "dask/server/tickets.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace trireme::launcher::dask {

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

Clock::time_point deadline_after(std::optional<double> seconds) {
  constexpr double kLongest = 1e9;
  if (!seconds || !(*seconds < kLongest)) return Clock::time_point::max();
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::max(*seconds, 0.0)));
}

}  // namespace

Awaitable<std::optional<std::any>> Tickets::wait(Ticket ticket, std::optional<double> seconds, Connection& asking) {
  const Clock::time_point deadline = deadline_after(seconds);
  const auto waiter = std::make_shared<Waiter>(Waiter{asio::steady_timer(context_), std::nullopt});
  waiters_[ticket] = waiter;
  asking.when_readable([waiter] { waiter->timer.cancel(); });
  waiter->timer.expires_at(deadline);
  while (!waiter->answer && Clock::now() < deadline && !asking.has_ended()) {
    boost::system::error_code ignored;
    co_await waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  waiters_.erase(ticket);
  co_return std::move(waiter->answer);
}

void Tickets::answer(Ticket ticket, std::any value) {
  const auto found = waiters_.find(ticket);
  if (found == waiters_.end()) return;
  found->second->answer = std::move(value);
  found->second->timer.cancel();
}

void Tickets::answer(std::span<const Ticket> tickets, const std::any& value) {
  for (const Ticket ticket : tickets) answer(ticket, value);
}

}  // namespace trireme::launcher::dask
