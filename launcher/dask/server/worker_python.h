#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "dask/server/hub.h"

namespace trireme::launcher::dask {

// Requests to one worker, always the same one while it lives, for Python that has to run somewhere where Dask is. Waits
// for a worker where there is none. Lives on the hub's thread; the hub outlives it.
class WorkerPython : public std::enable_shared_from_this<WorkerPython> {
 public:
  using Done = std::function<void(std::variant<Message, std::string>)>;

  explicit WorkerPython(Hub& hub) : hub_(hub) {}

  // done(reply, or why there is none), never from inside of the call.
  void call(Bytes request, Done done);

 private:
  [[nodiscard]] Awaitable<void> run(Bytes request, Done done);
  [[nodiscard]] Awaitable<void> choose_worker();

  Hub& hub_;
  std::string worker_;  // address
};

}  // namespace trireme::launcher::dask
