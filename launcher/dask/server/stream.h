#pragma once

#include <cstddef>
#include <memory>

#include "dask/server/connection.h"
#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {

// Our side of a stream: operations for one peer, sent together as one message at the end of the event loop's turn.
//
// Lives on its connection's thread.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  // Where the next operation, one map, is written at once.
  [[nodiscard]] MessageWriter& next();
  void flush();
  // Sends what is left, then ends the connection.
  void close();

  [[nodiscard]] Connection& connection() const { return *connection_; }

 private:
  std::shared_ptr<Connection> connection_;
  MessageWriter operations_;
  std::size_t count_ = 0;
};

}  // namespace trireme::launcher::dask
