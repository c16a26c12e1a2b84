#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "peer_connection.h"

namespace trireme::bench {

// A Dask client that sends graphs as they were recorded and counts what is in memory, key by key. Keys are
// "NAME-0000123".
class RawClient {
 public:
  using OnReady = std::function<void()>;

  RawClient(boost::asio::io_context& io, OnReady on_ready);

  void connect(const boost::asio::ip::tcp::endpoint& scheduler);
  void send(const std::string& recorded) { stream_->send(recorded); }

  // From now on keys of this name are counted; on_all() once all numbers below `count` are in memory.
  void expect(std::string name, std::size_t count, std::function<void()> on_all);
  [[nodiscard]] std::size_t in_memory() const { return in_memory_; }
  // Gives up all keys of the name that is counted.
  void release();

 private:
  void on_stream(const launcher::dask::Message& message);
  void on_operation(const launcher::dask::Object& operation);

  const OnReady on_ready_;
  std::shared_ptr<PeerConnection> stream_;
  std::string name_;
  std::vector<bool> seen_;
  std::size_t in_memory_ = 0;
  std::function<void()> on_all_;
};

// "NAME-0000123", and its number; negative for what is no such key.
[[nodiscard]] std::string numbered_key(std::string_view name, std::size_t number);
[[nodiscard]] std::int64_t number_in(std::string_view key, std::string_view name);

}  // namespace trireme::bench
