#pragma once

#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

namespace trireme::launcher {

// One event loop on one thread, for one face of the launcher.
//
// Everything posted to context() runs on that thread, so a face needs no locks of its own. An exception that escapes a
// handler is logged and the loop goes on: one bad connection never ends a face.
// Owners call stop() before they destroy what their handlers use; handlers still queued are then dropped, not run.
class IoThread {
 public:
  explicit IoThread(std::string name);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  // Ends the loop and joins the thread; idempotent. Not to be called from a handler.
  void stop() noexcept;

 private:
  void run() noexcept;

  std::string name_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::jthread thread_;
};

}  // namespace trireme::launcher
