#pragma once

#include <string_view>

#include "flight_registry.h"

namespace trireme::collectives {

// Writes what `reader` shows to `path`, as docs/flight_record.md says. `reason` is plain ASCII without quotes.
// Async-signal-safe. Returns 0 or an errno.
[[nodiscard]] int write_record(const FlightRegistry::Reader& reader, std::string_view path,
                               std::string_view reason) noexcept;

// After a failure or an abort: writes to the file that the environment asks for, if any, and says so in the log.
void write_record_of_failure(std::string_view reason) noexcept;

}  // namespace trireme::collectives
