#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/streambuf.hpp>

#include "dask/wire/bytes.h"

namespace trireme::launcher::dask {

struct UserIds {
  uid_t user;
  gid_t group;
};

struct PythonSettings {
  std::string python;              // the program
  std::optional<UserIds> user;     // to become; nullopt: this process's
  std::string folder;              // working directory, and where uploaded files lie
  std::uint64_t memory_limit = 0;  // bytes of data; 0: none
};

// One process that runs materializer.py, with a socket for requests and responses and one for its standard error, which
// is logged line by line.
//
// Lives on the io_context's thread. Ends with its owner's kill() or abandon(), with the launcher, or by itself.
class PythonProcess : public std::enable_shared_from_this<PythonProcess> {
 public:
  struct Events {
    std::function<void(Bytes)> message;    // the introduction first, then one response for each request
    std::function<void(std::string)> end;  // how it ended, to be read after "the process"; nothing follows
  };

  // Throws ConfigError when the program cannot be started.
  [[nodiscard]] static std::shared_ptr<PythonProcess> start(boost::asio::io_context& context,
                                                            const PythonSettings& settings, Events events);
  ~PythonProcess();

  // The last request must have been answered.
  void send(Bytes request);
  // Ends it and its children at once; Events::end follows.
  void kill() noexcept;
  // The same without another event.
  void abandon() noexcept;
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  using ErrorCode = boost::system::error_code;

  PythonProcess(boost::asio::io_context& context, Events events);

  void spawn(const PythonSettings& settings);
  void write(Bytes bytes, bool with_length);
  void read_length();
  void read_body();
  void read_errors();
  void await_exit();
  void bury();
  void log_lines(bool all);
  void end_if_over();
  void reap() noexcept;

  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::local::stream_protocol::socket errors_;
  boost::asio::posix::stream_descriptor exit_;  // a pidfd: readable once the process has ended
  Events events_;
  pid_t pid_ = -1;  // -1: not started, or reaped
  std::uint64_t length_ = 0;
  boost::asio::streambuf error_text_;
  std::string last_line_;  // of standard error
  std::string how_;        // it ended; empty: it runs
  bool output_over_ = false;
  bool errors_over_ = false;
};

}  // namespace trireme::launcher::dask
