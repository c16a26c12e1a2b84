#include "context/pulse.h"

#include <chrono>
#include <utility>

#include "trireme/collectives/current_operation.h"

namespace trireme {
namespace {

constexpr std::chrono::seconds kInterval{1};

double seconds_since_epoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::optional<CollectiveStatus> collective_now() {
  const auto current = collectives::current_operation();
  if (!current) return std::nullopt;
  return CollectiveStatus{.sequence = current->sequence,
                          .op = current->call,
                          .bytes = current->bytes,
                          .communicator = current->communicator,
                          .is_running = !current->is_finished,
                          .seconds = std::chrono::duration<double>(current->since).count()};
}

}  // namespace

Pulse::Pulse(StatusReporter& reporter, std::string run_id, int rank)
    : reporter_(reporter), run_id_(std::move(run_id)), rank_(rank), place_{.phase = "init"} {
  if (reporter_.is_connected()) thread_ = std::jthread([this](const std::stop_token& stop) { beat(stop); });
}

Pulse::~Pulse() = default;

void Pulse::report(StatusRecord record) {
  {
    const std::lock_guard lock(mutex_);
    has_reported_ = true;
    place_.phase = record.phase;
    place_.step = record.step;
    place_.total_steps = record.total_steps;
  }
  send(std::move(record));
}

void Pulse::beat(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (!std::exchange(has_reported_, false)) {
      const StatusRecord place = place_;
      lock.unlock();
      send(place);
      lock.lock();
    }
    changed_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

void Pulse::send(StatusRecord record) {
  record.run_id = run_id_;
  record.rank = rank_;
  record.time = seconds_since_epoch();
  record.collective = collective_now();
  reporter_.report(record);
}

}  // namespace trireme
