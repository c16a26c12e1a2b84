#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dask/coordination/claims.h"
#include "dask/coordination/record.h"
#include "dask/coordination/ticket.h"

namespace trireme::launcher::dask {

// distributed.Variable: named values that any client sets and gets.
//
// A future's key stays claimed by "variable-NAME" while the variable holds it, and beyond that until every client that
// was given it has said that it holds the key itself (confirm) or is gone. Not thread-safe.
class Variables {
 public:
  struct Held {
    Record record;
    std::string token;  // for confirm(); empty: data
  };
  struct Answer {
    Ticket ticket;
    Held held;
  };
  struct Change {
    Claims claims;
    std::vector<Answer> answers;  // to those that waited for the variable
  };

  // A future's key must be known to the task scheduler; see AwaitedKeys.
  [[nodiscard]] Change set(const Key& name, Record record);
  // nullopt: not set yet, the ticket waits.
  [[nodiscard]] std::optional<Held> get(const Key& name, const std::string& client, Ticket ticket);
  // variable-future-received-confirm. Unknown tokens only claim the key for the client.
  [[nodiscard]] Claims confirm(const Key& name, const Key& future, std::string_view token, const std::string& client);
  [[nodiscard]] Claims erase(const Key& name);

  void forget(Ticket ticket);
  // The client is gone: what it was given and did not confirm is no longer kept for it.
  [[nodiscard]] Claims forget_client(std::string_view client);

 private:
  struct Waiter {
    Ticket ticket;
    std::string client;
  };
  struct Token {
    Key name;
    Key future;
    std::string client;
  };

  [[nodiscard]] Held hand_out(const Key& name, const Record& record, const std::string& client);
  void release_if_unneeded(const Key& name, const Key& future, Claims& claims) const;

  std::map<Key, Record> records_;
  std::map<Key, std::vector<Waiter>> waiters_;  // of variables that are not set
  std::map<std::string, Token, std::less<>> tokens_;
  std::uint64_t tokens_made_ = 0;
};

}  // namespace trireme::launcher::dask
