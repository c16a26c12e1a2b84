#include "trireme/base/message.h"

namespace trireme::detail {

std::string fill(std::string_view pattern, const std::vector<std::string>& arguments) {
  std::string text;
  std::size_t next = 0;
  while (next < arguments.size()) {
    const auto gap = pattern.find("{}");
    if (gap == std::string_view::npos) break;
    text.append(pattern.substr(0, gap)).append(arguments[next++]);
    pattern.remove_prefix(gap + 2);
  }
  text.append(pattern);
  for (; next < arguments.size(); ++next) text.append(" ").append(arguments[next]);
  return text;
}

}  // namespace trireme::detail
