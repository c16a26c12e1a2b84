#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "api/event_stream.h"
#include "scheduler/snapshot.h"

namespace trireme::launcher {

// Turns changes of the state into server-sent events for every reader of /events.
//
// Two kinds: `snapshot` (the whole of /json/status; its id is the revision) and `metrics` (an array of new points of
// running runs). Changes are coalesced: readers get at most one pair every kShortestInterval. Comments in between keep
// proxies from closing a quiet stream. Lives on its context's thread and is destroyed after that thread has stopped;
// only the source's callback runs elsewhere.
class EventHub {
 public:
  static constexpr std::chrono::milliseconds kShortestInterval{200};
  static constexpr std::size_t kMostReaders = 64;

  EventHub(boost::asio::io_context& context, SnapshotSource& source);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  [[nodiscard]] bool is_full();
  // Takes over a connection whose request has been read; `head` is the response's head.
  void join(boost::asio::ip::tcp::socket socket, std::string head);

 private:
  struct Gate;

  void on_change();
  void publish();
  void publish_metrics(const ClusterSnapshot& snapshot);
  void append_new_points(const std::string& run_id, std::vector<MetricPoint>& fresh);
  void send(std::string event);
  void forget_ended();
  void keep_alive();

  boost::asio::io_context& context_;
  SnapshotSource& source_;
  std::shared_ptr<Gate> gate_;  // shared with the callback, which may still run while this is destroyed
  boost::asio::steady_timer next_publish_;
  boost::asio::steady_timer next_keep_alive_;
  bool is_publish_due_ = false;
  std::optional<std::uint64_t> sent_revision_;
  // Run → rank → time of the newest point sent. By rank, because ranks' clocks differ.
  std::map<std::string, std::map<int, double>> sent_until_;
  std::vector<std::shared_ptr<EventStream>> readers_;
  std::shared_ptr<void> subscription_;
};

}  // namespace trireme::launcher
