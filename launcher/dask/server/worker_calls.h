#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "dask/server/connection.h"
#include "dask/server/coroutine.h"
#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {

// A request to a worker or a nanny.
struct Call {
  std::string address;
  Outgoing request;
  // Write "OK" after a reply with that status, as get_data wants it.
  bool acknowledge = false;
};

struct CallResult {
  std::optional<Message> reply;
  std::string error;  // why there is none

  [[nodiscard]] bool ok() const { return reply && find_text(reply->root(), "status") == "OK"; }
};

// Requests to workers and nannies, over connections that are kept and used again.
//
// Lives on its context's thread.
class WorkerCalls {
 public:
  using Patience = std::chrono::duration<double>;

  WorkerCalls(boost::asio::io_context& context, Security security, const ConnectionLimits& limits);

  // Never throws for what a peer does: the result says it.
  [[nodiscard]] Awaitable<CallResult> call(Call call, Patience patience);
  // All at once; results in the order of the calls.
  [[nodiscard]] Awaitable<std::vector<CallResult>> call_all(std::vector<Call> calls, Patience patience);
  // The peer is gone: connections to it are closed.
  void forget(const std::string& address);

 private:
  using Shared = std::shared_ptr<Connection>;

  struct Attempt;
  struct Gate;

  [[nodiscard]] Awaitable<Shared> connect(const std::string& address, Attempt& attempt);
  [[nodiscard]] Shared take_idle(const std::string& address);
  [[nodiscard]] Awaitable<Message> exchange(Call& call, Attempt& attempt);

  boost::asio::io_context& context_;
  Security security_;
  ConnectionLimits limits_;
  std::map<std::string, std::vector<Shared>> idle_;
};

}  // namespace trireme::launcher::dask
