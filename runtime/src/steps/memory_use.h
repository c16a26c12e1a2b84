#pragma once

namespace trireme {

// Resident memory of this process in MiB, shared pages included; 0 where /proc does not tell.
[[nodiscard]] double resident_mebibytes();

}  // namespace trireme
