#pragma once

#include <string>
#include <string_view>

namespace trireme::launcher::dask {

// The pickle (protocol 4) of a builtin exception made from one text: pickled_exception("RuntimeError", "no").
// A writer is all that is needed: pickles that come in are never opened.
[[nodiscard]] std::string pickled_exception(std::string_view builtin_class, std::string_view text);

}  // namespace trireme::launcher::dask
