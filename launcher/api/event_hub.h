#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
// Kinds: `snapshot` (/json/status without ranks; its id is the revision), `ranks` (an array of rank_columns() of runs
// that have not ended), `metrics` (an array of new points of running runs), `tasks` (/json/tasks) and `spans` (an array
// of runs of tasks). Changes are coalesced: readers get at most one of each every kShortestInterval. Comments in
// between keep proxies from closing a quiet stream. Texts are made once and shared by all readers. Lives on its
// context's thread and is destroyed after that thread has stopped; only the source's callback runs elsewhere.
class EventHub {
 public:
  static constexpr std::chrono::milliseconds kShortestInterval{200};
  static constexpr std::chrono::milliseconds kTaskInterval{500};
  static constexpr std::chrono::milliseconds kCheckInterval{1000};
  static constexpr std::size_t kMostReaders = 1024;

  EventHub(boost::asio::io_context& context, SnapshotSource& source);
  ~EventHub();
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  [[nodiscard]] bool is_full();
  // Takes over a connection whose request has been read; `head` is the response's head. The reader is left as soon as
  // `may_stay`, asked every kCheckInterval, says no.
  void join(boost::asio::ip::tcp::socket socket, std::string head, std::function<bool()> may_stay);

 private:
  struct Gate;
  struct Reader {
    std::shared_ptr<EventStream> stream;
    std::function<bool()> may_stay;
  };

  void on_change();
  void publish();
  [[nodiscard]] std::string metrics_event(const ClusterSnapshot& snapshot);
  void publish_tasks();
  void append_new_points(const std::string& run_id, std::vector<MetricPoint>& fresh);
  void send(std::string event);
  void forget_ended();
  void keep_alive();
  void check_readers();

  boost::asio::io_context& context_;
  SnapshotSource& source_;
  std::shared_ptr<Gate> gate_;  // shared with the callback, which may still run while this is destroyed
  boost::asio::steady_timer next_publish_;
  boost::asio::steady_timer next_keep_alive_;
  boost::asio::steady_timer next_tasks_;
  boost::asio::steady_timer next_check_;
  bool is_publish_due_ = false;
  std::optional<std::uint64_t> sent_revision_;
  std::string sent_board_;  // the event
  std::uint64_t sent_span_ = 0;
  // Run → rank → time of the newest point sent. By rank, because ranks' clocks differ.
  std::map<std::string, std::map<int, double>> sent_until_;
  std::vector<Reader> readers_;
  std::shared_ptr<void> subscription_;
};

}  // namespace trireme::launcher
