#include "scheduler/paging.h"
#include "targets.h"
#include "trireme/base/check.h"

namespace trireme::fuzz {

void tokens(Bytes bytes) {
  const std::string token(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (const auto position = launcher::page_position(token, "runs")) {
    TRIREME_CHECK(launcher::page_token("runs", *position) == token, "a page's token is not the one that was written");
  }
  if (const auto offset = launcher::parse_log_token(token)) {
    TRIREME_CHECK(launcher::log_token(*offset) == token, "a log's token is not the one that was written");
  }
  if (const auto place = launcher::parse_metrics_token(token)) {
    TRIREME_CHECK(launcher::metrics_token(*place) == token, "a metrics token is not the one that was written");
  }
}

}  // namespace trireme::fuzz
