#include "context/stop_signal.h"

#include <atomic>

#include "trireme/collectives/flight_record.h"

namespace trireme {
namespace {

// A handler reaches nothing but globals; a lock-free atomic is the one kind it may write.
std::atomic<bool> signal_arrived{false};
static_assert(std::atomic<bool>::is_always_lock_free);

// Whoever sends SIGTERM may send SIGKILL soon, so what the ranks did last is written at once: mpirun ends the survivors
// of a lost rank this way, and the launcher a rank that hangs.
void note_signal(int signal) {
  signal_arrived.store(true, std::memory_order_relaxed);
  if (signal == SIGTERM) collectives::write_flight_record_on_signal(signal);
}

void install(int signal, struct sigaction& previous) {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, &previous);
}

}  // namespace

StopSignal::StopSignal() {
  signal_arrived.store(false, std::memory_order_relaxed);
  install(SIGTERM, previous_term_);
  install(SIGINT, previous_int_);
}

StopSignal::~StopSignal() {
  sigaction(SIGTERM, &previous_term_, nullptr);
  sigaction(SIGINT, &previous_int_, nullptr);
}

bool StopSignal::arrived() noexcept { return signal_arrived.load(std::memory_order_relaxed); }

}  // namespace trireme
