#include "access/certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <array>
#include <ctime>
#include <memory>

#include "access/secret.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

constexpr long kHour = 3600;
constexpr long kDay = 24 * kHour;

void require(bool is_done, const char* what) {
  if (!is_done) throw Error(message("OpenSSL could not {}", what));
}

std::string alternative_names(const ServedNames& names) {
  std::string text;
  for (const std::string& name : names.names()) {
    if (name.find_first_of(",; \t\n") != std::string::npos) throw ConfigError(message("{} is no host name", name));
    text += message("{}{}:{}", text.empty() ? "" : ",", is_address(name) ? "IP" : "DNS", name);
  }
  return text;
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "describe a certificate");
}

void set_random_serial(X509* certificate) {
  BIGNUM* number = nullptr;
  require(BN_hex2bn(&number, ("1" + random_digits(15)).c_str()) > 0, "make a serial number");
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
  BN_free(number);
}

void set_subject_and_issuer(X509* certificate, const std::string& common_name) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* bytes = reinterpret_cast<const unsigned char*>(common_name.data());
  const int size = static_cast<int>(common_name.size());
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, bytes, size, -1, 0) == 1, "name a certificate");
  X509_set_issuer_name(certificate, name);
}

std::string text_of(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

Certificate first_certificate(const std::string& pem) {
  const Bio memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  if (!certificate) throw DataError("there is no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  return certificate;
}

std::string text_of_ip(const ASN1_OCTET_STRING& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(&address) == 4 ? AF_INET : AF_INET6;
  inet_ntop(family, ASN1_STRING_get0_data(&address), text.data(), text.size());
  return text.data();
}

std::vector<std::string> names_in(const X509* certificate) {
  std::vector<std::string> names;
  auto* entries = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int at = 0; at < sk_GENERAL_NAME_num(entries); ++at) {
    const GENERAL_NAME* entry = sk_GENERAL_NAME_value(entries, at);
    if (entry->type == GEN_DNS) {
      names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(entry->d.dNSName)),
                         static_cast<std::size_t>(ASN1_STRING_length(entry->d.dNSName)));
    }
    if (entry->type == GEN_IPADD) names.push_back(text_of_ip(*entry->d.iPAddress));
  }
  GENERAL_NAMES_free(entries);
  return names;
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  require(X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1, "digest a certificate");
  std::string text;
  for (unsigned at = 0; at < size; ++at) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    if (at > 0) text += ':';
    text += kDigits[digest[at] >> 4];
    text += kDigits[digest[at] & 15];
  }
  return text;
}

}  // namespace

KeyPair make_self_signed(const std::string& common_name, const ServedNames& names, int days) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  require(key && certificate, "make a key");
  X509_set_version(certificate.get(), X509_VERSION_3);
  set_random_serial(certificate.get());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kHour);  // for peers whose clock is behind
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * kDay);
  set_subject_and_issuer(certificate.get(), common_name);
  X509_set_pubkey(certificate.get(), key.get());
  add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE");
  // No keyUsage: BoringSSL takes one without keyCertSign for the mark of a certificate that is not its own issuer.
  add_extension(certificate.get(), NID_ext_key_usage, "serverAuth");
  add_extension(certificate.get(), NID_subject_key_identifier, "hash");
  add_extension(certificate.get(), NID_subject_alt_name, alternative_names(names));
  require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "sign a certificate");
  const Bio shown(BIO_new(BIO_s_mem()));
  const Bio secret(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(shown.get(), certificate.get()) == 1, "write a certificate");
  require(PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "write a key");
  return {.certificate = text_of(shown.get()), .key = text_of(secret.get())};
}

CertificateFacts look_at_certificate(const std::string& pem) {
  const Certificate certificate = first_certificate(pem);
  std::tm expires{};
  require(ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &expires) == 1, "read a certificate's end");
  return {.names = names_in(certificate.get()),
          .expires = static_cast<double>(timegm(&expires)),
          .fingerprint = fingerprint_of(certificate.get())};
}

}  // namespace trireme::launcher
