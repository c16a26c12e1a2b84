#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "dask/materializer/python_host.h"
#include "dask/materializer/python_process.h"

namespace trireme::launcher::dask {

struct HelperOptions {
  std::string python;                             // empty: TRIREME_DASK_PYTHON, else a python3 on PATH that has Dask
  std::chrono::milliseconds time_limit{120'000};  // of one request
  std::optional<std::uint64_t> memory_limit;      // bytes of data; nullopt: half of the machine's memory; 0: none
};

// A Python process beside the scheduler that answers requests.
//
// It starts with the first request and stays. A request that takes longer than the time limit, or that the process does
// not survive, fails and says so; the next one starts a new process, which finds the uploaded files again but none of
// what functions of run_on_scheduler left behind. Where the launcher runs as root the process becomes the user nobody,
// unless that user cannot read the Python's files.
//
// Destroying it ends the process.
class HelperProcess : public PythonHost {
 public:
  // Starts nothing yet.
  HelperProcess(boost::asio::io_context& context, HelperOptions options);
  ~HelperProcess() override;

  void exchange(Bytes request, Done done) override;

 private:
  struct Waiting {
    Bytes request;
    Done done;
  };
  struct Attempt {
    std::string python;
    std::optional<UserIds> user;
  };
  enum class State { kNone, kStarting, kIdle, kBusy };

  void advance();
  void start();
  void introduced(std::string_view introduction);
  void start_failed(const std::string& why);
  void give_up();
  void message_came(Bytes message);
  void ended(const std::string& how);
  void limit_time(std::chrono::milliseconds limit);
  void answer(std::variant<Bytes, HostFailure> answer);
  [[nodiscard]] PythonSettings settings();

  boost::asio::io_context& context_;
  HelperOptions options_;
  boost::asio::steady_timer deadline_;
  std::vector<Attempt> attempts_;  // Pythons and users; the first is in use
  bool has_worked_ = false;        // the first attempt
  std::string tried_;              // and found unfit
  std::string folder_;             // private to the process; empty: not made yet
  State state_ = State::kNone;
  std::shared_ptr<PythonProcess> process_;
  bool is_late_ = false;                                              // it is being ended for that
  std::deque<Waiting> waiting_;                                       // the first one is being answered when kBusy
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);  // for handlers that may run after the end
};

}  // namespace trireme::launcher::dask
