#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>

namespace trireme::launcher::dask {

// Where a Dask peer listens: "tcp://127.0.0.1:40001", "tls://[::1]:8786".
struct Address {
  bool secure = false;
  std::string host;
  std::string port;
};

// nullopt for what is no such address.
[[nodiscard]] std::optional<Address> parse_address(std::string_view text);
[[nodiscard]] std::string address_text(bool secure, const boost::asio::ip::tcp::endpoint& endpoint);
// The host of an address, for people and for placement by host; the whole text when it is no address.
[[nodiscard]] std::string host_of(std::string_view address);

}  // namespace trireme::launcher::dask
