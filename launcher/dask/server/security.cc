#include "dask/server/security.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher::dask {

namespace {

namespace ssl = boost::asio::ssl;

void check(const boost::system::error_code& error, const char* what, const std::string& file) {
  if (error)
    throw ConfigError(
        message("cannot use {} as {} for tls: {}", file.empty() ? "no file" : file, what, error.message()));
}

}  // namespace

std::shared_ptr<ssl::context> make_security(const SecurityFiles& files) {
  if (!files.enabled()) return nullptr;
  auto context = std::make_shared<ssl::context>(ssl::context::tls);
  context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                       ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
  context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  boost::system::error_code error;
  context->load_verify_file(files.ca, error);
  check(error, "certificate authority", files.ca);
  context->use_certificate_chain_file(files.certificate, error);
  check(error, "certificate", files.certificate);
  context->use_private_key_file(files.key, ssl::context::pem, error);
  check(error, "private key", files.key);
  return context;
}

}  // namespace trireme::launcher::dask
