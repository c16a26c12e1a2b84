#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>

#include "flight_recorder.h"

namespace trireme::collectives {

// Note [flight record and signals]
// A record may be written by a handler of a signal that stopped any thread at any line, in the allocator or in this
// file. So whoever writes takes no lock, allocates nothing and calls only what POSIX allows in handlers; it walks a
// list of atomics. Whoever takes something off that list first unlinks it and then waits until no reader is left before
// freeing it. A handler on the thread that waits cannot deadlock: it finishes before the wait goes on.

// Who this process is, and the file its record goes to by itself. Made where memory may be allocated.
struct FlightIdentity {
  std::string json;  // members of an object: rank, world_size, node, host, run_id
  std::string file;  // empty: not written unless asked
  int rank = 0;
  pid_t pid = 0;
};

// All recorders of this process. Thread-safe; a process has one.
class FlightRegistry {
 public:
  // The recorder is listed until it is retired.
  [[nodiscard]] static std::shared_ptr<FlightRecorder> make_recorder(const FlightGroup& group);

  // Keeps what it shows alive. Async-signal-safe.
  class Reader {
   public:
    Reader() noexcept;
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    // Null when no recorder was made and no options were set.
    [[nodiscard]] const FlightIdentity* identity() const noexcept;
    // The newest first; null when there is none.
    [[nodiscard]] const FlightRecorder* first() const noexcept;
    [[nodiscard]] static const FlightRecorder* next(const FlightRecorder& recorder) noexcept;
  };

  // The identity that holds from now on, whatever the environment says.
  static void set_identity(std::unique_ptr<const FlightIdentity> identity);

 private:
  static void retire(FlightRecorder* recorder) noexcept;
};

}  // namespace trireme::collectives
