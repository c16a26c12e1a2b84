#pragma once

#include <filesystem>
#include <memory>

#include <openssl/types.h>

namespace trireme::launcher {

struct FreeTlsContext {
  void operator()(SSL_CTX* context) const;
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTlsContext>;

// A server's settings: TLS 1.2 and above, with HTTP/1.1 for those that offer it and HTTP/2 for the rest (ALPN):
// browsers offer both, gRPC clients only the latter. Throws DataError that names the file and says what is wrong with
// it: unreadable, not PEM, a key with a passphrase, a key that is not the certificate's.
[[nodiscard]] TlsContext make_tls_context(const std::filesystem::path& certificate, const std::filesystem::path& key);

}  // namespace trireme::launcher
