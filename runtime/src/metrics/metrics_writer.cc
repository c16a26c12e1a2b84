#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "metrics/output_file.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/metrics.h"
#include "trireme/runtime/tensorboard.h"

namespace trireme {
namespace {

std::string make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw DataError(message("{}: cannot make the run directory: {}", folder, error.message()));
  return folder;
}

std::string json_line(std::int64_t step, const MetricValues& values) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  nlohmann::ordered_json line{{"step", step}, {"time", now.count()}};
  for (const auto& [name, value] : values) line[name] = value;  // nlohmann writes null for what is not finite
  return line.dump() + "\n";
}

}  // namespace

struct MetricsWriter::State {
  OutputFile lines;
  TensorBoardWriter tensorboard;
};

MetricsWriter::MetricsWriter(const std::string& run_dir) {
  const std::filesystem::path folder = make_folder(run_dir);
  // Not make_unique: State is an aggregate whose members are built in place.
  state_ = std::unique_ptr<State>(
      new State{OutputFile((folder / "metrics.jsonl").string()), TensorBoardWriter((folder / "tensorboard").string())});
}
MetricsWriter::~MetricsWriter() = default;

void MetricsWriter::write(std::int64_t step, const MetricValues& values) {
  state_->lines.append(json_line(step, values));
  for (const auto& [name, value] : values) {
    if (std::isfinite(value)) state_->tensorboard.scalar(step, name, value);
  }
}

void MetricsWriter::flush() {
  state_->lines.flush();
  state_->tensorboard.flush();
}

}  // namespace trireme
