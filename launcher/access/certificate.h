#pragma once

#include <string>
#include <vector>

#include "access/served_names.h"

// X.509 certificates in PEM, with OpenSSL.
namespace trireme::launcher {

struct KeyPair {
  std::string certificate;  // PEM, the server's own first, the chain behind it
  std::string key;          // PEM
};

// A certificate for the names, signed by its own key (ECDSA P-256), good for `days` from an hour ago on. It can sign no
// other certificate.
[[nodiscard]] KeyPair make_self_signed(const std::string& common_name, const ServedNames& names, int days);

// What a certificate says of itself.
struct CertificateFacts {
  std::vector<std::string> names;  // DNS names and addresses of its subjectAltName
  double expires = 0;              // seconds since the epoch
  std::string fingerprint;         // of SHA-256: "AB:CD:…", as browsers show it
};
// Of the first certificate in the text. Throws DataError when there is none.
[[nodiscard]] CertificateFacts look_at_certificate(const std::string& pem);

}  // namespace trireme::launcher
