#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/frame.h"
#include "store/key_table.h"
#include "trireme/base/store.h"

namespace trireme::detail {

// What the store's server decides: who is answered with what, who waits, who is lost. No sockets, threads or clocks;
// the server's loop feeds it and carries out what take_replies() and take_closing() say.
//
// Not thread-safe. Never throws for what a client sent: such a client is answered or closed.
class StoreService {
 public:
  using Connection = std::uint64_t;
  using Time = std::chrono::steady_clock::time_point;
  struct Options {
    std::chrono::milliseconds heartbeat_timeout{2000};
    // A connection that says nothing sensible for this long is not a client.
    std::chrono::milliseconds hello_timeout{5000};
  };
  struct Reply {
    Connection to = 0;
    StoreFrame frame;
  };

  explicit StoreService(const Options& options) : options_(options) {}

  void connected(Connection from, Time now);
  // True once the connection has said hello.
  [[nodiscard]] bool is_greeted(Connection from) const;
  // Bytes came, whether or not they complete a frame. Before the hello this earns no extra time.
  void heard(Connection from, Time now);
  void received(Connection from, const StoreFrame& frame);
  // The connection ended; it is forgotten. A rank that did not say goodbye is lost.
  void closed(Connection from);
  // Finds the ranks whose heartbeats stopped.
  void tick(Time now);
  void report_lost(const LostRank& rank);
  // The server stops on purpose: clients are told, so that they do not take its end for a death.
  void say_goodbye() { tell_everyone({.type = FrameType::kGoodbye}); }

  [[nodiscard]] const std::vector<LostRank>& lost() const noexcept { return lost_; }
  [[nodiscard]] std::vector<Reply> take_replies() { return std::exchange(replies_, {}); }
  // Connections to close once their replies are sent. The caller then calls closed().
  [[nodiscard]] std::vector<Connection> take_closing() { return std::exchange(closing_, {}); }

 private:
  struct Client {
    Time last_heard;
    bool is_greeted = false;
    bool is_leaving = false;  // said goodbye, was refused or declared lost: its end tells nothing new
    int rank = -1;
    std::string node;
  };
  struct Waiter {
    Connection connection = 0;
    std::uint64_t id = 0;
  };

  void greet(Connection from, Client& client, const StoreFrame& hello);
  [[nodiscard]] std::string why_refused(const StoreFrame& hello) const;
  void serve(Connection from, const StoreFrame& frame);
  void get(Connection from, const StoreFrame& frame);
  void add(Connection from, const StoreFrame& frame);
  void cancel(Connection from, std::uint64_t id);
  void wake_waiters(std::string_view key);
  void declare_lost(const LostRank& rank);
  void forget_lost(int rank);
  void close(Connection connection, Client& client);
  void reply(Connection to, StoreFrame frame) { replies_.push_back({.to = to, .frame = std::move(frame)}); }
  void tell_everyone(const StoreFrame& frame);

  Options options_;
  KeyTable table_;
  std::map<Connection, Client> clients_;
  std::map<std::string, std::vector<Waiter>, std::less<>> waiters_;
  std::vector<LostRank> lost_;
  std::vector<Reply> replies_;
  std::vector<Connection> closing_;
};

}  // namespace trireme::detail
