#pragma once

#include <csignal>
#include <string>
#include <string_view>

// The flight record: what every communicator of this process did last, for whoever asks afterwards why ranks hung.
//
// Each communicator keeps its last 1,000 operations in memory. They are written as JSON (docs/flight_record.md) when an
// operation times out, ranks disagree, a peer is lost or abort() is called: to TRIREME_FLIGHT_DIR, else to
// TRIREME_RUN_DIR/flight, else nowhere. The file is flight-rank<R>.json; `launcher debug` reads those of all ranks.
namespace trireme::collectives {

// Overrides what the environment says. An empty folder writes nothing unless asked.
struct FlightRecordOptions {
  std::string folder;
  int rank = 0;        // global
  int world_size = 0;  // 0: unknown
  std::string node{};
};
// Holds from now on, for all communicators of this process. Thread-safe.
void set_flight_record_options(const FlightRecordOptions& options);

// The file that is written by itself, once a communicator has been made or options were set; empty when none is.
[[nodiscard]] std::string flight_record_path();

// Writes the records of all communicators of this process, and the last few that failed and are gone, to `path`: under
// a temporary name first, then renamed. Makes the folders on the way. Blocks for the disk. Thread-safe; operations go
// on meanwhile. Throws DataError naming the file.
void write_flight_record(const std::string& path, std::string_view reason = "asked");

// The same to flight_record_path(), for handlers of signals: async-signal-safe, keeps errno. False when there is no
// such path, no communicator, or the file cannot be written.
bool write_flight_record_on_signal(int signal) noexcept;

// From construction to destruction SIGTERM writes the record and then does what it did before: mpirun ends the
// survivors of a lost rank with it. Handlers are a property of the process: one object at a time. A TrainContext that
// handles signals does this by itself.
class FlightRecordOnSigterm {
 public:
  FlightRecordOnSigterm();
  ~FlightRecordOnSigterm();
  FlightRecordOnSigterm(const FlightRecordOnSigterm&) = delete;
  FlightRecordOnSigterm& operator=(const FlightRecordOnSigterm&) = delete;

 private:
  struct sigaction previous_ {};
};

}  // namespace trireme::collectives
