#include "trireme/base/check.h"

#include "trireme/base/error.h"

namespace trireme::detail {

void fail_check(std::string_view condition, const std::string& text, std::source_location where) {
  throw InvariantError(message("{}:{}: {} does not hold in {}: {}. This is a bug in Trireme; please report it.",
                               where.file_name(), where.line(), condition, where.function_name(), text));
}

}  // namespace trireme::detail
