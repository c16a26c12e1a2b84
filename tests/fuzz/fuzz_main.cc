#include <cstddef>
#include <cstdint>

#include "targets.h"

// libFuzzer's entry. TRIREME_FUZZ_TARGET is one of the functions of targets.h.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  trireme::fuzz::TRIREME_FUZZ_TARGET({data, size});
  return 0;
}
