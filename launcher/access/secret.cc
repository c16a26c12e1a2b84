#include "access/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <charconv>
#include <span>
#include <vector>

#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

std::string random_digits(std::size_t bytes) {
  std::vector<unsigned char> random(bytes);
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) throw Error("OpenSSL gave no random bytes");
  return hexadecimal(random);
}

std::string make_secret() { return "trm_" + random_digits(32); }

Digest digest_of(std::string_view secret) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
  return digest;
}

bool are_equal(const Digest& one, const Digest& other) {
  return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

std::string to_text(const Digest& digest) { return hexadecimal(digest); }

std::optional<Digest> parse_digest(std::string_view text) {
  Digest digest;
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t at = 0; at < digest.size(); ++at) {
    const char* digits = text.data() + 2 * at;
    const auto [end, error] = std::from_chars(digits, digits + 2, digest[at], 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
  }
  return digest;
}

}  // namespace trireme::launcher
