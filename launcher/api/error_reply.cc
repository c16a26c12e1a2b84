#include "api/json_text.h"
#include "api/routes.h"

namespace trireme::launcher {

HttpReply error_reply(unsigned status, std::string_view what) {
  return {.status = status, .content_type = "application/json", .body = to_text({{"error", what}}) + "\n"};
}

}  // namespace trireme::launcher
