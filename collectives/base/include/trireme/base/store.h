#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The rendezvous: a small TCP key-value store that bootstraps every backend but MPI and is the only source of liveness.
namespace trireme {

// A rank that the store's server knows to be lost. Rank -1 is a node of which no rank is known or, with an empty node,
// the store itself: its server ended without a goodbye, so that from now on nothing is known of anybody.
struct LostRank {
  int rank = -1;
  std::string node{};
  // "connection closed", "no heartbeat for 2 s", or what the launcher's shim saw ("killed by signal 9")
  std::string cause{};
  friend bool operator==(const LostRank&, const LostRank&) = default;
};

// Blocking key-value access. Keys are text of at most 4 KiB, values bytes of at most 16 MiB: ConfigError beyond.
// Thread-safe. Every call throws CommError when the server is gone, TimeoutError (naming the keys) when the deadline
// passes.
class Store {
 public:
  virtual ~Store() = default;
  virtual void set(std::string_view key, std::string_view value) = 0;
  // Waits until the key exists.
  virtual std::string get(std::string_view key, std::chrono::milliseconds timeout) = 0;
  virtual std::optional<std::string> try_get(std::string_view key) = 0;
  // Adds to a decimal counter (0 when absent) and returns the new value. MismatchError when the key holds no counter.
  virtual std::int64_t add(std::string_view key, std::int64_t amount) = 0;
  virtual bool remove(std::string_view key) = 0;

  // The address of this machine from which the store is reached, "10.0.0.3"; empty for a store within this process.
  [[nodiscard]] virtual std::string local_host() const { return {}; }
  // Ranks known to be lost so far; a store that watches nobody knows of none.
  [[nodiscard]] virtual std::vector<LostRank> lost() const { return {}; }
  // Grows whenever lost() changes. One atomic load: a wait loop polls it.
  [[nodiscard]] virtual std::uint64_t lost_generation() const noexcept { return 0; }
};

// The same keys under "prefix/", so that groups and generations do not collide. Does not own `store`.
class PrefixStore final : public Store {
 public:
  PrefixStore(Store& store, std::string prefix) : store_(store), prefix_(std::move(prefix)) {}
  void set(std::string_view key, std::string_view value) override;
  std::string get(std::string_view key, std::chrono::milliseconds timeout) override;
  std::optional<std::string> try_get(std::string_view key) override;
  std::int64_t add(std::string_view key, std::int64_t amount) override;
  bool remove(std::string_view key) override;
  [[nodiscard]] std::string local_host() const override { return store_.local_host(); }
  [[nodiscard]] std::vector<LostRank> lost() const override { return store_.lost(); }
  [[nodiscard]] std::uint64_t lost_generation() const noexcept override { return store_.lost_generation(); }

 private:
  Store& store_;
  std::string prefix_;
};

// In one process, for ranks as threads and for tests.
class InMemoryStore final : public Store {
 public:
  InMemoryStore();
  ~InMemoryStore() override;
  void set(std::string_view key, std::string_view value) override;
  std::string get(std::string_view key, std::chrono::milliseconds timeout) override;
  std::optional<std::string> try_get(std::string_view key) override;
  std::int64_t add(std::string_view key, std::int64_t amount) override;
  bool remove(std::string_view key) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Serves a store on a TCP port with one thread of its own. Starts listening in the constructor, stops in the
// destructor. A client that registered as a rank and whose connection ends without a goodbye is lost at once; one from
// which no heartbeat came for `heartbeat_timeout` is lost too. Lost ranks are pushed to every connected client.
class TcpStoreServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any free port
    std::chrono::milliseconds heartbeat_timeout{2000};
  };
  // Throws ConfigError naming host and port when the port cannot be bound.
  explicit TcpStoreServer(const Options& options);
  ~TcpStoreServer();
  TcpStoreServer(const TcpStoreServer&) = delete;
  TcpStoreServer& operator=(const TcpStoreServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::vector<LostRank> lost() const;
  // Adds what somebody else saw (the launcher's shim knows the signal). Replaces the cause of a rank already lost.
  void report_lost(const LostRank& rank);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A client with one connection, kept for life. A background thread reads pushes and sends heartbeats every 500 ms.
//
// Thread-safe, but not fork-safe: a child process shares the connection but not the thread. Fork first, connect after.
// Once a call threw CommError every later one does. A server that answers no heartbeat for five times its
// heartbeat_timeout counts as gone.
class TcpStore final : public Store {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
    std::chrono::milliseconds connect_timeout{30000};
    // When rank >= 0 the server watches this connection as the life of that rank.
    int rank = -1;
    std::string node{};
  };
  // Retries until connect_timeout, then throws TimeoutError with host, port and the last error. Throws ConfigError when
  // the server refuses (the rank is connected already, another version) or is no Trireme store.
  explicit TcpStore(const Options& options);
  ~TcpStore() override;  // says goodbye: leaving on purpose is not being lost

  void set(std::string_view key, std::string_view value) override;
  std::string get(std::string_view key, std::chrono::milliseconds timeout) override;
  std::optional<std::string> try_get(std::string_view key) override;
  std::int64_t add(std::string_view key, std::int64_t amount) override;
  bool remove(std::string_view key) override;

  [[nodiscard]] std::string local_host() const override;
  // Ranks known to be lost so far. Cheap when nothing changed (one atomic load).
  [[nodiscard]] std::vector<LostRank> lost() const override;
  // Grows by one whenever lost() changes. A wait loop polls it.
  [[nodiscard]] std::uint64_t lost_generation() const noexcept override;
  // As TcpStoreServer::report_lost, from another node. Throws CommError when the server is gone.
  void report_lost(const LostRank& rank);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme
