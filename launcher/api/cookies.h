#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// The one cookie of the dashboard.
namespace trireme::launcher {

// Browsers share cookies between the ports of a host, so clusters are told apart by name. Under TLS the prefix makes
// browsers refuse one that was set for another host or over plain HTTP.
[[nodiscard]] std::string session_cookie_name(bool is_tls, std::uint16_t port);
// The value of a Set-Cookie header: for this host alone, hidden from scripts, never sent along from other sites.
// Of age 0 it ends the session in the browser.
[[nodiscard]] std::string session_cookie(std::string_view name, std::string_view value, bool is_tls, long age_seconds);
// The cookie of that name in a Cookie header; empty when there is none.
[[nodiscard]] std::string_view cookie_value(std::string_view header, std::string_view name);

}  // namespace trireme::launcher
