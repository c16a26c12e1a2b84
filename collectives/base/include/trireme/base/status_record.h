#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

// What a rank tells its node agent, one JSON line each on the agent's unix stream socket (TRIREME_STATUS_SOCKET).
//
// {"v":1,"type":"status","run_id":"r-…","rank":0,"time":1763715600.25,"phase":"train","step":12,"total_steps":300,
//  "metrics":{"loss":1.91,"tokens_per_s":41230,"step_ms":49.6,"exposed_comm_ms":1.2},
//  "collective":{"sequence":96,"op":"all_reduce","bytes":4194304,"communicator":"world","running":true,"seconds":0.4}}
// A record without metrics is a pulse: the rank lives, is where it was, and its collective is what it is in now.
// A reader ignores keys it does not know and rejects another "v".
namespace trireme {

inline constexpr int kStatusRecordVersion = 1;

struct CollectiveStatus {
  std::uint64_t sequence = 0;
  std::string op{};
  std::int64_t bytes = 0;
  std::string communicator{};
  bool is_running = false;  // else it has finished
  double seconds = 0;       // since it was posted, or finished, until the record was made
  friend bool operator==(const CollectiveStatus&, const CollectiveStatus&) = default;
};

struct StatusRecord {
  std::string run_id{};
  int rank = 0;
  double time = 0;      // seconds since the epoch
  std::string phase{};  // "init", "train", "validate", "checkpoint", "done"
  std::int64_t step = 0;
  std::int64_t total_steps = 0;             // 0: unknown
  std::map<std::string, double> metrics{};  // loss, val_loss, tokens_per_s, step_ms, exposed_comm_ms, memory_mib, …
  std::optional<CollectiveStatus> collective{};  // the one it is in, or was in last
  friend bool operator==(const StatusRecord&, const StatusRecord&) = default;
};

// One line without the newline.
[[nodiscard]] std::string to_json_line(const StatusRecord& record);
// Throws DataError that names the offending key. Bounded: rejects lines above 64 KiB. Non-finite metrics travel as null
// and are dropped.
[[nodiscard]] StatusRecord parse_status_record(std::string_view line);

// Sends records to the agent. Never blocks and never throws: if nobody listens or the socket is full the record is
// dropped and counted. Thread-safe.
class StatusReporter {
 public:
  // nullopt or an unreachable socket: every record is dropped.
  explicit StatusReporter(const std::optional<std::string>& socket_path);
  ~StatusReporter();
  StatusReporter(const StatusReporter&) = delete;
  StatusReporter& operator=(const StatusReporter&) = delete;

  void report(const StatusRecord& record) noexcept;
  [[nodiscard]] std::uint64_t dropped() const noexcept;
  [[nodiscard]] bool is_connected() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme
