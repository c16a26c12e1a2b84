#include "trireme/base/status_record.h"

#include <optional>
#include <string_view>

#include "targets.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"

namespace trireme::fuzz {

namespace {

std::optional<StatusRecord> parse(std::string_view line) {
  try {
    return parse_status_record(line);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

}  // namespace

void status_record(Bytes bytes) {
  const auto record = parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!record) return;
  const auto line = to_json_line(*record);
  TRIREME_CHECK(line.find('\n') == std::string::npos, "a record is written on more than one line");
  TRIREME_CHECK(parse_status_record(line) == *record, "a record does not survive being written: {}", line);
}

}  // namespace trireme::fuzz
