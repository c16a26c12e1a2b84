#include "trireme/collectives/current_operation.h"

#include <algorithm>

#include "flight_registry.h"

namespace trireme::collectives {
namespace {

struct Found {
  const FlightRecorder* recorder = nullptr;
  FlightRecorder::Call call;
  std::int64_t since_ns = 0;

  [[nodiscard]] bool is_finished() const noexcept { return call.finished != 0; }
};

// What is under way counts more than what is finished; of the former the oldest, of the latter the newest.
bool says_more(const Found& one, const Found& other) {
  if (other.recorder == nullptr) return true;
  if (one.is_finished() != other.is_finished()) return !one.is_finished();
  return one.is_finished() ? one.since_ns > other.since_ns : one.since_ns < other.since_ns;
}

void look_at(const FlightRecorder& recorder, Found& best) {
  const auto posted = recorder.posted();
  const auto kept = std::min(posted, std::uint64_t{FlightRecorder::kOperations});
  const FlightClock::Conversion to_time(recorder.clock());
  for (auto number = posted; number > posted - kept; --number) {
    Found found{.recorder = &recorder, .call = {}};
    if (!recorder.read(number, found.call)) continue;
    found.since_ns = to_time.monotonic_ns(found.is_finished() ? found.call.finished : found.call.posted);
    if (says_more(found, best)) best = found;
  }
}

}  // namespace

std::optional<CurrentOperation> current_operation() {
  const FlightRegistry::Reader reader;
  Found best;
  for (const auto* recorder = reader.first(); recorder != nullptr; recorder = FlightRegistry::Reader::next(*recorder)) {
    if (!recorder->is_closed() && !recorder->has_failed()) look_at(*recorder, best);
  }
  if (best.recorder == nullptr) return std::nullopt;
  const auto& signature = best.call.signature;
  return CurrentOperation{.communicator = best.recorder->name(),
                          .call = to_string(signature.kind),
                          .sequence = signature.sequence,
                          .bytes = signature.bytes(),
                          .is_finished = best.is_finished(),
                          .since = std::chrono::nanoseconds(read_clocks().monotonic_ns - best.since_ns)};
}

}  // namespace trireme::collectives
