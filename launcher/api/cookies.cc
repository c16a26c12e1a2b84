#include "api/cookies.h"

#include <algorithm>

#include "trireme/base/message.h"

namespace trireme::launcher {

std::string session_cookie_name(bool is_tls, std::uint16_t port) {
  return message("{}trireme-{}", is_tls ? "__Host-" : "", port);
}

std::string session_cookie(std::string_view name, std::string_view value, bool is_tls, long age_seconds) {
  return message("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", name, value, age_seconds,
                 is_tls ? "; Secure" : "");
}

std::string_view cookie_value(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    std::string_view pair = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), pair.size() + 1));
    pair.remove_prefix(std::min(pair.size(), pair.find_first_not_of(' ')));
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
  }
  return {};
}

}  // namespace trireme::launcher
