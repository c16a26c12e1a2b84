#include "trireme/base/check.h"

#include "trireme/base/error.h"

namespace trireme::detail {

void fail_check(std::string_view condition, const char* file, int line, const std::string& text) {
  throw InvariantError(
      message("{}:{}: {} does not hold: {}. This is a bug in Trireme; please report it.", file, line, condition, text));
}

}  // namespace trireme::detail
