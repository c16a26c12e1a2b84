#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dask/server/stream.h"
#include "dask/tasks/task_scheduler.h"
#include "dask/wire/message.h"

// Who is connected with a stream, beyond what the task scheduler knows of them.
namespace trireme::launcher::dask {

struct WorkerPeer {
  WorkerInfo info;
  std::string nanny;     // its address; empty: none
  Message registration;  // what it said of itself, the parts that clients are shown
  Message metrics;       // of its last heartbeat
  double last_seen = 0;  // seconds since the epoch
  std::string status;    // as Dask names it: "init", "running", "paused", …
  std::shared_ptr<Stream> stream;
};

struct ClientPeer {
  std::string id;
  std::shared_ptr<Stream> stream;
};

// By address, sorted as `identity` shows them. Not thread-safe.
class Workers {
 public:
  using Map = std::map<std::string, WorkerPeer, std::less<>>;

  WorkerPeer& add(WorkerPeer worker);
  void remove(std::string_view address);
  // nullptr: there is none.
  [[nodiscard]] WorkerPeer* find(std::string_view address);
  [[nodiscard]] WorkerPeer* find_by_name(std::string_view name);
  [[nodiscard]] Map& all() { return workers_; }
  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  // Addresses of workers that take tasks.
  [[nodiscard]] std::vector<std::string> running() const;

 private:
  Map workers_;
  std::unordered_map<std::string_view, WorkerPeer*> by_address_;  // into workers_, for the many searches
  std::map<std::string, std::string, std::less<>> addresses_;     // by name
};

class Clients {
 public:
  void add(ClientPeer client) { clients_[client.id] = std::move(client); }
  void remove(std::string_view id);
  [[nodiscard]] ClientPeer* find(std::string_view id);
  [[nodiscard]] std::size_t size() const { return clients_.size(); }
  template <class Visit>
  void for_each(Visit visit) {
    for (auto& [id, client] : clients_) visit(client);
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  std::unordered_map<std::string, ClientPeer, Hash, std::equal_to<>> clients_;
};

}  // namespace trireme::launcher::dask
