#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dask/wire/bytes.h"

namespace trireme::launcher::dask {

// What was logged under a topic, and when (seconds since the epoch, as clients show it).
struct LoggedEvent {
  double time = 0;
  Bytes message;  // msgpack
};

// Client.log_event(), get_events() and subscribe_topic().
//
// Of each topic the newest events are kept, up to kMostEvents of them and kMostBytes together. Not thread-safe.
class Topics {
 public:
  static constexpr std::size_t kMostEvents = 1000;
  static constexpr std::size_t kMostBytes = 16 << 20;

  // Returns the clients to tell.
  const std::set<std::string, std::less<>>& log(const std::string& topic, Bytes message, double now);
  // Oldest first; empty for an unknown topic. Valid until the next call of log().
  [[nodiscard]] const std::deque<LoggedEvent>& events(std::string_view topic) const;
  // Of topics that have events.
  [[nodiscard]] std::vector<std::string> names() const;

  void subscribe(const std::string& topic, const std::string& client);
  void unsubscribe(std::string_view topic, std::string_view client);
  void forget_client(std::string_view client);

 private:
  struct Topic {
    std::deque<LoggedEvent> events;
    std::size_t bytes = 0;
    std::set<std::string, std::less<>> subscribers;
  };

  [[nodiscard]] std::vector<std::string> subscribed_by(std::string_view client) const;

  std::map<std::string, Topic, std::less<>> topics_;
};

}  // namespace trireme::launcher::dask
