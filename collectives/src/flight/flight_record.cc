#include "trireme/collectives/flight_record.h"

#include <cerrno>
#include <cstring>

#include "flight_identity.h"
#include "flight_writer.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

// What SIGTERM did before. A handler reaches nothing but globals; written only while ours is not installed.
struct sigaction previous_action {};

bool is_handler(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
}

void write_and_go_on(int signal, siginfo_t* info, void* context) {
  write_flight_record_on_signal(signal);
  if (!is_handler(previous_action)) {
    if (previous_action.sa_handler == SIG_IGN) return;
    // The default action comes when this handler returns and the signal is no longer blocked.
    sigaction(signal, &previous_action, nullptr);
    raise(signal);
  } else if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
  } else {
    previous_action.sa_handler(signal);
  }
}

bool is_plain(char character) {
  return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') || character == '_';
}

}  // namespace

void set_flight_record_options(const FlightRecordOptions& options) {
  FlightRegistry::set_identity(identity_from(options));
}

std::string flight_record_path() {
  const FlightRegistry::Reader reader;
  const auto* identity = reader.identity();
  return identity == nullptr ? "" : identity->file;
}

void write_flight_record(const std::string& path, std::string_view reason) {
  for (const char character : reason) {
    if (!is_plain(character)) throw ConfigError(message("flight record: reason '{}' is not one plain word", reason));
  }
  const FlightRegistry::Reader reader;
  if (const int error = write_record(reader, path, reason); error != 0) {
    throw DataError(message("cannot write the flight record {}: {}. Choose a folder that can be written", path,
                            std::strerror(error)));
  }
}

bool write_flight_record_on_signal(int signal) noexcept {
  const int saved = errno;
  const FlightRegistry::Reader reader;
  const auto* identity = reader.identity();
  const bool has_something = identity != nullptr && !identity->file.empty() && reader.first() != nullptr;
  const bool written =
      has_something && write_record(reader, identity->file, signal == SIGTERM ? "sigterm" : "signal") == 0;
  errno = saved;
  return written;
}

FlightRecordOnSigterm::FlightRecordOnSigterm() {
  struct sigaction action {};
  action.sa_sigaction = write_and_go_on;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, nullptr, &previous_action);
  sigaction(SIGTERM, &action, &previous_);
}

FlightRecordOnSigterm::~FlightRecordOnSigterm() { sigaction(SIGTERM, &previous_, nullptr); }

}  // namespace trireme::collectives
