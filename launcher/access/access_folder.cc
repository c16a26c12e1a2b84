#include "access/access_folder.h"

#include <algorithm>

#include "access/certificate.h"
#include "access/private_file.h"
#include "access/served_names.h"
#include "access/tls_files.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace fs = std::filesystem;

namespace {

constexpr int kCertificateDays = 397;  // the most that browsers accept
constexpr double kRenewAhead = 30 * 86400.0;
constexpr const char* kOwnName = "launcher";
constexpr const char* kAgentsName = "agents";

ServedNames names_to_certify(const CertificateWishes& wishes) {
  ServedNames names = names_of_this_machine();
  if (!is_every_interface(wishes.listen)) names.add(wishes.listen);
  for (const std::string& name : wishes.names) names.add(name);
  return names;
}

// A browser that was told to trust a certificate should not be asked again at every `launcher up`.
bool is_still_good(const AccessFiles& files, const ServedNames& names, double now) try {
  static_cast<void>(make_tls_context(files.certificate, files.key));
  const CertificateFacts facts = look_at_certificate(read_private_file(files.certificate));
  return facts.expires > now + kRenewAhead && std::ranges::all_of(names.names(), [&](const std::string& name) {
           return std::ranges::find(facts.names, name) != facts.names.end();
         });
} catch (const Error&) {
  return false;
}

void take_users_certificate(const AccessFiles& files, const CertificateWishes& wishes) {
  if (wishes.certificate.empty() || wishes.key.empty()) {
    throw ConfigError("--certificate and --key go together: the certificate's chain and its private key, both PEM");
  }
  try {
    static_cast<void>(make_tls_context(wishes.certificate, wishes.key));
    write_private_file(files.certificate, read_private_file(wishes.certificate));
    write_private_file(files.key, read_private_file(wishes.key));
  } catch (const DataError& error) {
    throw ConfigError(error.what());
  }
}

void prepare_certificate(const AccessFiles& files, const CertificateWishes& wishes, double now) {
  if (!wishes.certificate.empty() || !wishes.key.empty()) return take_users_certificate(files, wishes);
  const ServedNames names = names_to_certify(wishes);
  if (is_still_good(files, names, now)) return;
  const KeyPair made = make_self_signed(message("Trireme cluster {}", wishes.cluster), names, kCertificateDays);
  write_private_file(files.key, made.key);
  write_private_file(files.certificate, made.certificate);
}

void renew_token(TokenBook& book, const fs::path& file, const std::string& name, Role role, double now) {
  book.revoke_named(name);
  write_private_file(file, book.make({.name = name, .role = role}, now).secret + "\n");
}

}  // namespace

Guard decide_guard(const GuardWishes& wishes) {
  if (wishes.secure && wishes.insecure) throw ConfigError("--secure and --insecure exclude each other");
  const bool is_local = is_loopback(wishes.listen);
  if (wishes.insecure && is_local) {
    throw ConfigError(message("--insecure means nothing here: {} is open only to this machine", wishes.listen));
  }
  return wishes.secure || (!is_local && !wishes.insecure) ? Guard::kGuarded : Guard::kOpen;
}

AccessFiles::AccessFiles(const fs::path& state_folder)
    : folder(state_folder / "access"),
      tokens(folder / "tokens.json"),
      admin_token(folder / "admin.token"),
      node_token(folder / "node.token"),
      certificate(folder / "certificate.pem"),
      key(folder / "key.pem") {}

void prepare_access(const AccessFiles& files, const CertificateWishes& wishes, double now) {
  std::error_code error;
  fs::create_directories(files.folder, error);
  if (!error) fs::permissions(files.folder, fs::perms::owner_all, error);
  if (error) throw DataError(message("cannot write {}: {}", files.folder.string(), error.message()));
  prepare_certificate(files, wishes, now);
  TokenBook book(files.tokens);
  renew_token(book, files.admin_token, kOwnName, Role::kAdmin, now);
  renew_token(book, files.node_token, kAgentsName, Role::kNode, now);
}

}  // namespace trireme::launcher
