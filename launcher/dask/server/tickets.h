#pragma once

#include <any>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "dask/coordination/ticket.h"
#include "dask/server/connection.h"
#include "dask/server/coroutine.h"

namespace trireme::launcher::dask {

// The answer to a request that waits for what is no longer there.
struct Dropped {};

// Requests that wait for an answer that a later operation brings.
//
// Tickets count up from 1; each is waited for at most once. Not thread-safe: lives on its context's thread.
class Tickets {
 public:
  explicit Tickets(boost::asio::io_context& context) : context_(context) {}

  [[nodiscard]] Ticket next() { return ++last_; }
  // Until answer(ticket): its value. nullopt when `seconds` have passed first, or when the peer that asks is gone; the
  // caller must then tell whoever keeps the ticket to forget it. No seconds: waits for as long as the peer does.
  [[nodiscard]] Awaitable<std::optional<std::any>> wait(Ticket ticket, std::optional<double> seconds,
                                                        Connection& asking);
  void answer(Ticket ticket, std::any value);
  void answer(std::span<const Ticket> tickets, const std::any& value);

 private:
  struct Waiter {
    boost::asio::steady_timer timer;
    std::optional<std::any> answer;
  };

  boost::asio::io_context& context_;
  Ticket last_ = 0;
  std::map<Ticket, std::shared_ptr<Waiter>> waiters_;
};

}  // namespace trireme::launcher::dask
