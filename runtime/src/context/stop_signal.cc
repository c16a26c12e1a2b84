#include "context/stop_signal.h"

#include <atomic>

namespace trireme {
namespace {

// A handler reaches nothing but globals; a lock-free atomic is the one kind it may write.
std::atomic<bool> signal_arrived{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void note_signal(int) { signal_arrived.store(true, std::memory_order_relaxed); }

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
