#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "access/token_book.h"

namespace trireme::launcher {

// How port 8787 meets those who come to it.
enum class Guard {
  kOpen,     // plain, and nobody is asked who they are
  kGuarded,  // TLS, and a token for everything but the login page
};

struct GuardWishes {
  std::string listen = "127.0.0.1";  // where port 8787 listens
  bool secure = false;               // guarded on loopback too
  bool insecure = false;             // open beyond loopback, too
};
// Loopback is open and everything beyond it guarded, unless it was wished otherwise. Throws ConfigError for wishes that
// exclude each other or mean nothing.
[[nodiscard]] Guard decide_guard(const GuardWishes& wishes);

// The files of a guarded cluster, in the folder `access` of its state folder, which only the owner may enter.
struct AccessFiles {
  explicit AccessFiles(const std::filesystem::path& state_folder);

  std::filesystem::path folder;
  std::filesystem::path tokens;       // the token book: digests
  std::filesystem::path admin_token;  // what the owner's own commands come with; made anew by every `launcher up`
  std::filesystem::path node_token;   // what its agents come with; likewise
  std::filesystem::path certificate;  // PEM: what the port shows, and what commands and agents expect to see
  std::filesystem::path key;          // PEM, 0600
};

struct CertificateWishes {
  std::string cluster;                // in the certificate's subject
  std::string listen;                 // as above
  std::vector<std::string> names;     // served besides this machine's own
  std::filesystem::path certificate;  // the user's own PEM files; empty: one is made, or the last one used again
  std::filesystem::path key;
};
// Makes the folder ready for a scheduler: the certificate, and new tokens for the launcher's own commands and agents.
// Others' tokens stay. Throws ConfigError for files of the user that do not go together, DataError when the folder
// cannot be written.
void prepare_access(const AccessFiles& files, const CertificateWishes& wishes, double now);

}  // namespace trireme::launcher
