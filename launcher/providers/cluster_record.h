#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "agent/process_identity.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

struct ClusterProcess {
  std::string role;  // "scheduler", "node0", …
  ProcessIdentity identity;
};

// A cluster that is up, or was meant to be, as its state folder remembers it (cluster.json).
struct ClusterRecord {
  std::string name;
  std::string provider = "local";
  std::string host = "127.0.0.1";
  std::uint16_t dask_port = 8786;
  std::uint16_t http_port = 8787;
  std::string listen = "127.0.0.1";   // where port 8787 listens; "0.0.0.0": on every interface
  std::vector<std::string> names;     // host names it is served under besides the machine's own
  std::filesystem::path certificate;  // PEM: what it shows; empty: it speaks plainly and asks for no token
  int nodes = 0;
  double started = 0;
  std::filesystem::path runtime_folder;  // sockets and temporary files of the nodes; gone after down
  std::vector<ClusterProcess> processes;
};

// The address at which clients on this machine reach port 8787: "127.0.0.1:8787", "[::1]:8787".
[[nodiscard]] std::string http_address(const ClusterRecord& record);
// "https://127.0.0.1:8787"
[[nodiscard]] std::string http_url(const ClusterRecord& record);

// ${XDG_STATE_HOME:-~/.local/state}/trireme
[[nodiscard]] std::filesystem::path state_root();
// state_root()/NAME. Throws ConfigError for a name that is not 1 to 32 of a-z, 0-9 and '-'.
[[nodiscard]] std::filesystem::path state_folder(const std::string& cluster);

// nullopt when no cluster of that name is up. Throws DataError naming the file when it cannot be read.
[[nodiscard]] std::optional<ClusterRecord> load_cluster(const std::string& name);
// Writes a temporary file, syncs and renames it. Throws DataError naming the folder when it cannot be written.
void save_cluster(const ClusterRecord& record);
void forget_cluster(const std::string& name);
// Keeps a second `up` or `down` away from a cluster while one works on it. Released on destruction and by the process's
// end.
class ClusterLock {
 public:
  // Makes the state folder, for this user only. nullopt when somebody else holds the lock. Throws DataError when the
  // folder cannot be written.
  [[nodiscard]] static std::optional<ClusterLock> take(const std::string& name);

 private:
  explicit ClusterLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};
// Names of the clusters this user has up.
[[nodiscard]] std::vector<std::string> known_clusters();

}  // namespace trireme::launcher
