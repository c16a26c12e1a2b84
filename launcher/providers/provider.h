#pragma once

#include <functional>
#include <optional>
#include <string>

#include "access/access_folder.h"
#include "providers/cluster_record.h"
#include "trireme/base/error.h"

namespace trireme::launcher {

// Something a cluster needs is not there: a GPU, a free port, a process that stays alive.
class ResourceError : public Error {
 public:
  using Error::Error;
};

struct UpRequest {
  std::string name = "default";
  int nodes = 1;
  bool gpu = false;
  std::uint16_t dask_port = 8786;
  std::uint16_t http_port = 8787;
  GuardWishes guard;                  // of port 8787
  std::vector<std::string> names;     // host names it is served under besides the machine's own
  std::filesystem::path certificate;  // the user's own, PEM; empty: one is made
  std::filesystem::path key;
};

// Tells the user what goes on: "3 of 4 nodes are up".
using Progress = std::function<void(const std::string& line)>;

// Where nodes come from. One folder a provider.
class ClusterProvider {
 public:
  virtual ~ClusterProvider() = default;
  // Returns when every node has registered and both ports answer; leaves the record in the state folder. When anything
  // fails, what was started is ended again before the error is thrown: ResourceError, DataError for the state folder,
  // or ConfigError for what the request says of port 8787.
  virtual ClusterRecord up(const UpRequest& request, const Progress& progress) = 0;
  // True when nodes of the cluster live on and their scheduler does not.
  [[nodiscard]] virtual bool lacks_only_scheduler(const ClusterRecord& record) = 0;
  // Starts another scheduler for such nodes, on the same ports, that goes on with their runs. Returns when those that
  // live have come back. On failure the nodes are left as they are: ResourceError or DataError.
  virtual ClusterRecord revive(const ClusterRecord& record, const Progress& progress) = 0;
  // Starts nodes, or takes away those with the fewest ranks, until the cluster has `nodes`. Waits until runs on nodes
  // that leave have ended (those that follow the nodes end by themselves); with `cancel_after` they are cancelled after
  // so many seconds. Returns when the cluster is so
  // large. ResourceError where nodes cannot be started: those that came up stay.
  virtual ClusterRecord scale(const ClusterRecord& record, int nodes, std::optional<double> cancel_after,
                              const Progress& progress) = 0;
  // Ends runs, agents and scheduler, by force after a while, and removes the record. The history stays.
  virtual void down(const ClusterRecord& record, const Progress& progress) = 0;
};

}  // namespace trireme::launcher
