#include "access/tls_files.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <string_view>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

using std::string_view_literals::operator""sv;

// Protocol names with their lengths before them, as TLS has them; the first that a client offers is taken.
constexpr auto kProtocols = "\x08http/1.1\x02h2"sv;

const unsigned char* as_bytes(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  unsigned char* out = nullptr;
  const int found = SSL_select_next_proto(&out, size, as_bytes(kProtocols), static_cast<unsigned>(kProtocols.size()),
                                          offered, offered_size);
  *chosen = out;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

int no_passphrase(char*, int, int, void*) { return 0; }

[[noreturn]] void fail_pem(const std::filesystem::path& file, const char* what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  throw DataError(message("{} is no {} that can be used: {}", file.string(), what, reason == nullptr ? "?" : reason));
}

}  // namespace

void FreeTlsContext::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }

TlsContext make_tls_context(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) throw Error("OpenSSL made no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(context.get(), no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1) {
    fail_pem(certificate, "certificate chain in PEM");
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    fail_pem(key, "private key in PEM, without a passphrase and the certificate's own,");
  }
  return context;
}

}  // namespace trireme::launcher
