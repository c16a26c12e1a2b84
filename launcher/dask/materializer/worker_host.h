#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "dask/materializer/python_host.h"
#include "dask/wire/message.h"

namespace trireme::launcher::dask {

// Sends the msgpack of a request to a worker; calls back with the reply, or with the text of why there is none. Waits
// for a worker where there is none, and never calls back from inside of the call. Stays with one worker as long as it
// lives: what functions of run_on_scheduler leave behind is there.
using CallWorker = std::function<void(Bytes request, std::function<void(std::variant<Message, std::string>)> done)>;

// materializer.py inside of a Dask worker, by the worker's `run` operation. For schedulers on hosts that have no Python
// with Dask. The first request to a worker installs the module there; the worker's event loop stays free meanwhile.
class WorkerHost : public PythonHost {
 public:
  explicit WorkerHost(CallWorker call_worker) : call_worker_(std::move(call_worker)) {}

  void exchange(Bytes request, Done done) override;

 private:
  struct Waiting {
    Bytes request;
    Done done;
  };

  void send();
  void reply_came(std::variant<Message, std::string> reply);

  CallWorker call_worker_;
  std::deque<Waiting> waiting_;  // the first one is being answered
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

// The `run` request that makes a worker answer a request, and what its reply says.
[[nodiscard]] std::string encode_run(const Bytes& request);
[[nodiscard]] std::variant<Bytes, HostFailure> decode_run(const std::variant<Message, std::string>& reply);

}  // namespace trireme::launcher::dask
