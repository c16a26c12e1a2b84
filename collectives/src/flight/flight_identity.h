#pragma once

#include <memory>

#include "flight_registry.h"
#include "trireme/collectives/flight_record.h"

namespace trireme::collectives {

// From the environment of the process; a rank that nobody launched takes `rank`, that of its first communicator.
[[nodiscard]] std::unique_ptr<const FlightIdentity> identity_from_environment(int rank);
[[nodiscard]] std::unique_ptr<const FlightIdentity> identity_from(const FlightRecordOptions& options);

}  // namespace trireme::collectives
