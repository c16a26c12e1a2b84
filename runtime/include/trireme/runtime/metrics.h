#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>

// What a run leaves for people and programs to read: metrics.jsonl, TensorBoard events, a progress line.
namespace trireme {

// Values by name: loss, val_loss, tokens_per_s, step_ms, exposed_comm_ms, learning_rate, …
using MetricValues = std::map<std::string, double>;

// Writes RUN_DIR/metrics.jsonl, one line {"step":…,"time":…,"loss":…} per call, and the same values as TensorBoard
// scalars in RUN_DIR/tensorboard. Only one rank of a run owns one. One thread at a time.
// The constructor makes the folder and throws DataError naming it when it cannot be written; a later write error is
// reported once on stderr and ends the writing, because a full disk must not end a training run.
class MetricsWriter {
 public:
  explicit MetricsWriter(const std::string& run_dir);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  // Values that are not finite are written as null in metrics.jsonl and left out of TensorBoard.
  void write(std::int64_t step, const MetricValues& values);
  void flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One line on a console that shows where training stands.
//
// On a terminal it rewrites itself at most ten times a second; elsewhere it prints a plain line every `every_steps`
// steps, the first and the last one. One thread at a time; never throws.
struct ProgressOptions {
  std::FILE* out = stdout;  // not owned
  bool is_terminal = false;
  std::int64_t every_steps = 50;
  std::int64_t total_steps = 0;  // 0: unknown
};

class ProgressLine {
 public:
  explicit ProgressLine(const ProgressOptions& options);
  ~ProgressLine();  // ends an open line
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `remaining`: estimated time to the end; zero or less is not shown.
  void step(std::int64_t step, const MetricValues& values, std::chrono::duration<double> remaining);
  // A line of its own that stays.
  void note(std::string_view text);

 private:
  ProgressOptions options_;
  std::chrono::steady_clock::time_point last_shown_;
  std::size_t open_width_ = 0;  // characters of the line to be rewritten
};

// "step 120/2000  loss 2.013  41230 tok/s  49.6 ms/step  comm 1.2 ms  ETA 1:33", from the values that are there.
[[nodiscard]] std::string progress_text(std::int64_t step, std::int64_t total_steps, const MetricValues& values,
                                        std::chrono::duration<double> remaining);

}  // namespace trireme
