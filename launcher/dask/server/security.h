#pragma once

#include <memory>
#include <string>

#include <boost/asio/ssl/context.hpp>

namespace trireme::launcher::dask {

// Files (PEM) for tls://, as Dask's `distributed.comm.tls` names them. All empty: plain tcp://.
struct SecurityFiles {
  std::string ca;  // both sides must show a certificate signed by it; host names are not compared
  std::string certificate;
  std::string key;

  [[nodiscard]] bool enabled() const { return !ca.empty() || !certificate.empty() || !key.empty(); }
};

// TLS 1.2 or later, for accepting and for connecting. nullptr when not enabled. Throws ConfigError that names the file
// when one is missing or unusable.
[[nodiscard]] std::shared_ptr<boost::asio::ssl::context> make_security(const SecurityFiles& files);

}  // namespace trireme::launcher::dask
