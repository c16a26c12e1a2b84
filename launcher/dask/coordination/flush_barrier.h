#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "dask/coordination/ticket.h"

namespace trireme::launcher::dask {

// Orders a client's request behind what the client wrote to its stream before: the stream says `uid` once
// (publish_flush_batched_send), the request names the same uid. Either may come first. Not thread-safe.
class FlushBarrier {
 public:
  // True: the stream has said so, the request may go on. False: the ticket waits.
  [[nodiscard]] bool pass(const std::string& client, const std::string& uid, Ticket ticket);
  // The stream says so; returns the request that waited.
  [[nodiscard]] std::optional<Ticket> arrive(const std::string& client, const std::string& uid);

  void forget(Ticket ticket);
  // The client is gone, and nothing will come on its stream. Waiting tickets are forgotten.
  void forget_client(std::string_view client);

 private:
  // By client and uid: the request that waits; none: the stream was first.
  std::map<std::string, std::map<std::string, std::optional<Ticket>>, std::less<>> uids_;
};

}  // namespace trireme::launcher::dask
