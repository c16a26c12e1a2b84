#include "dask/server/address.h"

#include <fmt/format.h>

namespace trireme::launcher::dask {

std::optional<Address> parse_address(std::string_view text) {
  const bool secure = text.starts_with("tls://");
  if (!secure && !text.starts_with("tcp://")) return std::nullopt;
  text.remove_prefix(6);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return Address{.secure = secure, .host = std::string(host), .port = std::string(text.substr(colon + 1))};
}

std::string address_text(bool secure, const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return fmt::format("{}://{}:{}", secure ? "tls" : "tcp", endpoint.address().is_v6() ? "[" + host + "]" : host,
                     endpoint.port());
}

std::string host_of(std::string_view address) {
  const auto parsed = parse_address(address);
  return parsed ? parsed->host : std::string(address);
}

}  // namespace trireme::launcher::dask
