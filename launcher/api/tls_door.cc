#include "api/tls_door.h"

#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "access/tls_files.h"

namespace trireme::launcher {

using boost::asio::ip::tcp;

struct TlsDoor::Greeting {
  Greeting(std::shared_ptr<TlsPipe> p, const tcp::socket::executor_type& executor)
      : pipe(std::move(p)), deadline(executor) {}
  std::shared_ptr<TlsPipe> pipe;
  boost::asio::steady_timer deadline;
  std::list<Handle>::iterator position;
  bool is_listed = true;
};

TlsDoor::TlsDoor(const Options& options, TlsPipe::PlainSide plain_side)
    : options_(options),
      plain_side_(std::move(plain_side)),
      context_(make_tls_context(options.certificate, options.key).release()) {}

TlsDoor::~TlsDoor() = default;

void TlsDoor::welcome(tcp::socket socket) {
  if (*open_ >= options_.most_open) return;
  if (greetings_.size() >= options_.most_handshakes) {
    const Handle longest = greetings_.front();
    forget(longest);
    longest->pipe->close();
  }
  const auto executor = socket.get_executor();
  // Counted for as long as the pipe lives, which may be longer than the door.
  ++*open_;
  const std::shared_ptr<TlsPipe> pipe(new TlsPipe(std::move(socket), context_), [open = open_](TlsPipe* ended) {
    --*open;
    delete ended;
  });
  auto greeting = std::make_shared<Greeting>(pipe, executor);
  greeting->position = greetings_.insert(greetings_.end(), greeting);
  greeting->deadline.expires_after(options_.patience);
  greeting->deadline.async_wait([this, greeting](const boost::system::error_code& error) {
    if (error || !greeting->is_listed) return;
    forget(greeting);
    greeting->pipe->close();
  });
  pipe->open(plain_side_, [this, greeting] { forget(greeting); });
}

void TlsDoor::forget(const Handle& greeting) {
  if (!std::exchange(greeting->is_listed, false)) return;
  greetings_.erase(greeting->position);
  greeting->deadline.cancel();
}

}  // namespace trireme::launcher
