#include "dask/server/stream.h"

#include <utility>

#include <boost/asio/post.hpp>

namespace trireme::launcher::dask {

namespace {

// A turn that has this much for one peer sends it in parts.
constexpr std::size_t kLargeBatch = 4 << 20;

}  // namespace

MessageWriter& Stream::next() {
  if (operations_.size() > kLargeBatch) flush();
  if (count_++ == 0) boost::asio::post(connection_->executor(), [self = shared_from_this()] { self->flush(); });
  return operations_;
}

void Stream::flush() {
  if (count_ == 0) return;
  connection_->send(operations_.finish_array(std::exchange(count_, 0)));
}

void Stream::close() {
  flush();
  connection_->close_when_written();
}

}  // namespace trireme::launcher::dask
