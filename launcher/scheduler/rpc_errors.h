#pragma once

#include <map>
#include <string>
#include <vector>

#include <grpcpp/support/status.h>

// Errors of trireme.v1: a code, a text for people, and google.rpc details for programs. docs/grpc.md lists the reasons.
namespace trireme::launcher {

using ErrorMetadata = std::map<std::string, std::string>;

struct FieldViolation {
  std::string field;        // "spec.command"
  std::string description;  // what is wrong with its value
};

// With ErrorInfo.
[[nodiscard]] grpc::Status rpc_error(grpc::StatusCode code, const std::string& reason, const std::string& text,
                                     const ErrorMetadata& metadata = {});
// INVALID_ARGUMENT with ErrorInfo (BAD_REQUEST) and BadRequest; its text is that of the violation.
[[nodiscard]] grpc::Status bad_request(const FieldViolation& violation);

// NOT_FOUND with ErrorInfo (NO_SUCH_RUN, NO_SUCH_NODE, NO_SUCH_RANK) and ResourceInfo.
[[nodiscard]] grpc::Status no_such_run(const std::string& run_id);
[[nodiscard]] grpc::Status no_such_node(const std::string& name);
[[nodiscard]] grpc::Status no_such_rank(const std::string& run_id, int rank);

}  // namespace trireme::launcher
