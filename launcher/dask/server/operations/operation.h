#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dask/coordination/caller_error.h"
#include "dask/server/connection.h"
#include "dask/server/coroutine.h"
#include "dask/server/hub.h"
#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

// Requests with a reply, by name. Every group of them has a table in a file of its own.
namespace trireme::launcher::dask {

// One request, as an operation sees it. The references outlive the operation.
struct Request {
  const Message& message;
  Connection& connection;

  [[nodiscard]] const Object& root() const { return message.root(); }
  // The value, text or key under a name. These throw CallerError when it is missing.
  [[nodiscard]] const Object& value(std::string_view name) const;
  [[nodiscard]] std::string text(std::string_view name) const;
  [[nodiscard]] Key key(std::string_view name) const;
  // nullopt: absent or nil, that is for ever.
  [[nodiscard]] std::optional<double> seconds(std::string_view name) const;
  // Texts of an array; nullopt: absent or nil.
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view name) const;
};

// Writes its reply; one that writes nothing replies nil. Throws CallerError, which the peer then raises.
using Answer = void (*)(Hub& hub, const Request& request, MessageWriter& reply);
// The same for an operation that takes time.
using SlowAnswer = Awaitable<void> (*)(Hub& hub, const Request& request, MessageWriter& reply);

struct Operation {
  std::string_view name;
  std::variant<Answer, SlowAnswer> answer;
};

// nullptr: nobody knows it.
[[nodiscard]] const Operation* find_operation(std::string_view name);

[[nodiscard]] std::span<const Operation> query_operations();
[[nodiscard]] std::span<const Operation> data_operations();
[[nodiscard]] std::span<const Operation> replica_operations();
[[nodiscard]] std::span<const Operation> broadcast_operations();
[[nodiscard]] std::span<const Operation> membership_operations();
[[nodiscard]] std::span<const Operation> restart_operations();
[[nodiscard]] std::span<const Operation> plugin_operations();
[[nodiscard]] std::span<const Operation> named_operations();
[[nodiscard]] std::span<const Operation> lock_operations();
[[nodiscard]] std::span<const Operation> publish_operations();
[[nodiscard]] std::span<const Operation> shuffle_operations();
[[nodiscard]] std::span<const Operation> progress_operations();
[[nodiscard]] std::span<const Operation> refused_operations();

// The reply that makes a peer raise builtins.`python_class`(text).
void write_error(MessageWriter& reply, std::string_view python_class, std::string_view text);
// Raises RuntimeError: what is asked for is not there.
[[noreturn]] void refuse(const std::string& text);

}  // namespace trireme::launcher::dask
