#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/routes.h"
#include "jobs/run_spec.h"
#include "trireme/base/error.h"

namespace trireme::launcher {

// This scheduler cannot do that (yet).
class NotOfferedError : public Error {
 public:
  using Error::Error;
};

// There is no run or node of that name.
class NoSuchThingError : public Error {
 public:
  using Error::Error;
};

// A run as the page asks for it.
struct WantedRun {
  RunSpec spec;             // command.front() may be a name that is looked up; an empty folder is the owner's home
  std::optional<bool> mpi;  // nullopt: found out from the program
};

// What can be done from the page. Implemented around the scheduler; thread-safe. Members throw ConfigError for what
// does not fit, NoSuchThingError and NotOfferedError.
class Actions {
 public:
  virtual ~Actions() = default;
  // Return the new run's id.
  virtual std::string submit(const WantedRun& wanted) = 0;
  virtual std::string rerun(const std::string& run_id) = 0;
  // Returns the run's status before.
  virtual std::string cancel(const std::string& run_id, bool force, const std::string& reason) = 0;
  // A node that is drained finishes what it has and gets nothing new.
  virtual void drain(const std::string& node) = 0;
  virtual void undrain(const std::string& node) = 0;
  virtual void scale(int nodes) = 0;
};

// One POST of /api, taken apart: what is to be done, and the command line that would do the same.
//
//   POST /api/runs             {command, name, ranks, nodes, mpi, working_directory, environment}
//   POST /api/runs/ID/cancel   {force, reason}
//   POST /api/runs/ID/rerun    {}
//   POST /api/nodes/NAME/drain {}   and /undrain
//   POST /api/scale            {nodes}
//
// Each also takes {"dry_run": true}, which does nothing but answer with the command line. Replies: {command} and
// {run_id} or {status} where there is one.
[[nodiscard]] bool is_action(std::string_view path);
// `cluster` is the cluster's name. What `actions` throws for a client's fault becomes a reply: 400, 404, 501; the rest
// passes through.
[[nodiscard]] HttpReply answer_action(const HttpRequest& request, const std::string& cluster, Actions& actions);

}  // namespace trireme::launcher
