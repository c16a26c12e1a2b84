#include "api/event_stream.h"

#include <utility>

#include <spdlog/spdlog.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace trireme::launcher {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

}  // namespace

EventStream::EventStream(asio::ip::tcp::socket socket, Text head) : socket_(std::move(socket)) {
  queued_bytes_ = head->size();
  queue_.push_back(std::move(head));
}

void EventStream::start() {
  write_next();
  watch_for_end();
}

void EventStream::offer(Text event) {
  if (!is_open()) return;
  if (queued_bytes_ + event->size() > kMostBytes) {
    spdlog::info("event=slow_reader_dropped waiting_bytes={}", queued_bytes_);
    return close();
  }
  queued_bytes_ += event->size();
  queue_.push_back(std::move(event));
  if (queue_.size() == 1) write_next();
}

void EventStream::write_next() {
  asio::async_write(socket_, asio::buffer(*queue_.front()), [self = shared_from_this()](const error_code& error, auto) {
    if (error) return self->close();
    self->queued_bytes_ -= self->queue_.front()->size();
    self->queue_.pop_front();
    if (!self->queue_.empty()) self->write_next();
  });
}

// A reader says nothing after its request; only the end of its connection is of interest.
void EventStream::watch_for_end() {
  socket_.async_read_some(asio::buffer(ignored_), [self = shared_from_this()](const error_code& error, auto) {
    error ? self->close() : self->watch_for_end();
  });
}

void EventStream::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace trireme::launcher
