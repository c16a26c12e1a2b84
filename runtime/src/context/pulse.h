#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "trireme/base/status_record.h"

namespace trireme {

// What a rank tells its agent: the records of its program, and in between, once a second, where it stands.
//
// Pulses come from a thread of their own, so that a rank that is stuck still says in which collective, and since when.
// Thread-safe.
class Pulse {
 public:
  // Without a connected reporter there is no thread. `reporter` must outlive it.
  Pulse(StatusReporter& reporter, std::string run_id, int rank);
  ~Pulse();
  Pulse(const Pulse&) = delete;
  Pulse& operator=(const Pulse&) = delete;

  // Sends the record, with run, rank, time and collective filled in. Never blocks.
  void report(StatusRecord record);

 private:
  void beat(const std::stop_token& stop);
  void send(StatusRecord record);

  StatusReporter& reporter_;
  const std::string run_id_;
  const int rank_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  bool has_reported_ = false;  // since the last beat
  StatusRecord place_;         // phase and step of the last record
  std::jthread thread_;        // ends first
};

}  // namespace trireme
