#include "dask/server/worker_calls.h"

#include <functional>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/connect.hpp>

#include "dask/server/address.h"

namespace trireme::launcher::dask {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// Kept for each peer; more are closed after use.
constexpr std::size_t kMostIdle = 8;

void close(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.close(ignored);
}

}  // namespace

// Wakes a coroutine once a number of others have ended.
struct WorkerCalls::Gate {
  asio::steady_timer open;
  std::size_t left;

  void pass() {
    if (--left == 0) open.cancel();
  }
};

WorkerCalls::WorkerCalls(asio::io_context& context, Security security, const ConnectionLimits& limits)
    : context_(context), security_(std::move(security)), limits_(limits) {}

WorkerCalls::Shared WorkerCalls::take_idle(const std::string& address) {
  const auto found = idle_.find(address);
  while (found != idle_.end() && !found->second.empty()) {
    Shared connection = std::move(found->second.back());
    found->second.pop_back();
    if (connection->is_quiet()) return connection;
    connection->close();
  }
  return nullptr;
}

// A call under way, for whoever ends it when it takes too long.
struct WorkerCalls::Attempt {
  std::function<void()> abort = [] {};
  bool late = false;
};

Awaitable<WorkerCalls::Shared> WorkerCalls::connect(const std::string& address, Attempt& attempt) {
  const auto parsed = parse_address(address);
  if (!parsed || parsed->secure != (security_ != nullptr)) throw MessageError("no address that can be called");
  tcp::resolver resolver(context_);
  const auto endpoints = co_await resolver.async_resolve(parsed->host, parsed->port, asio::use_awaitable);
  const auto socket = std::make_shared<tcp::socket>(context_);
  attempt.abort = [socket] { close(*socket); };
  co_await asio::async_connect(*socket, endpoints, asio::use_awaitable);
  const auto connection = std::make_shared<Connection>(Transport(std::move(*socket), security_), limits_);
  attempt.abort = [connection] { connection->close(); };
  co_await connection->shake_hands(false);
  co_return connection;
}

Awaitable<Message> WorkerCalls::exchange(Call& call, Attempt& attempt) {
  Shared connection = take_idle(call.address);
  if (!connection) connection = co_await connect(call.address, attempt);
  attempt.abort = [connection] { connection->close(); };
  connection->send(std::move(call.request));
  Message reply = co_await connection->read();
  if (call.acknowledge && find_text(reply.root(), "status") == "OK") {
    MessageWriter acknowledgement;
    acknowledgement.text("OK");
    connection->send(acknowledgement.finish());
  }
  auto& idle = idle_[call.address];
  if (idle.size() < kMostIdle) idle.push_back(connection);
  co_return reply;
}

Awaitable<CallResult> WorkerCalls::call(Call call, Patience patience) {
  const auto attempt = std::make_shared<Attempt>();
  asio::steady_timer deadline(context_);
  deadline.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(patience));
  deadline.async_wait([attempt](const boost::system::error_code& error) {
    if (error) return;
    attempt->late = true;
    attempt->abort();
  });
  CallResult result;
  try {
    result.reply = co_await exchange(call, *attempt);
    co_return result;
  } catch (const std::exception& error) {
    attempt->abort();
    result.error = attempt->late ? fmt::format("{} did not answer within {} s", call.address, patience.count())
                                 : fmt::format("{}: {}", call.address, error.what());
  }
  co_return result;
}

Awaitable<std::vector<CallResult>> WorkerCalls::call_all(std::vector<Call> calls, Patience patience) {
  std::vector<CallResult> results(calls.size());
  const auto gate = std::make_shared<Gate>(Gate{asio::steady_timer(context_), calls.size()});
  gate->open.expires_at(asio::steady_timer::time_point::max());
  for (std::size_t index = 0; index < calls.size(); ++index) {
    asio::co_spawn(context_, this->call(std::move(calls[index]), patience),
                   [gate, &result = results[index]](std::exception_ptr, CallResult ended) {
                     result = std::move(ended);
                     gate->pass();
                   });
  }
  boost::system::error_code ignored;
  while (gate->left > 0) co_await gate->open.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_return results;
}

void WorkerCalls::forget(const std::string& address) {
  const auto found = idle_.find(address);
  if (found == idle_.end()) return;
  for (const Shared& connection : found->second) connection->close();
  idle_.erase(found);
}

}  // namespace trireme::launcher::dask
