#pragma once

#include <string_view>

namespace trireme::launcher::dask {

// The text of materializer.py, which is embedded into the binary.
[[nodiscard]] std::string_view materializer_source();

}  // namespace trireme::launcher::dask
