#include "scheduler/rpc_errors.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr const char* kDomain = "trireme";

google::rpc::ErrorInfo error_info(const std::string& reason, const ErrorMetadata& metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain(kDomain);
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  return info;
}

// What travels as grpc-status-details-bin.
template <typename... Details>
grpc::Status with_details(grpc::StatusCode code, const std::string& text, const Details&... details) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(text);
  (status.add_details()->PackFrom(details), ...);
  return {code, text, status.SerializeAsString()};
}

grpc::Status not_found(const std::string& reason, const std::string& type, const std::string& name,
                       const std::string& text, const ErrorMetadata& metadata) {
  google::rpc::ResourceInfo resource;
  resource.set_resource_type(type);
  resource.set_resource_name(name);
  resource.set_description(text);
  return with_details(grpc::StatusCode::NOT_FOUND, text, error_info(reason, metadata), resource);
}

}  // namespace

grpc::Status rpc_error(grpc::StatusCode code, const std::string& reason, const std::string& text,
                       const ErrorMetadata& metadata) {
  return with_details(code, text, error_info(reason, metadata));
}

grpc::Status bad_request(const FieldViolation& violation) {
  google::rpc::BadRequest request;
  auto* wrong = request.add_field_violations();
  wrong->set_field(violation.field);
  wrong->set_description(violation.description);
  return with_details(grpc::StatusCode::INVALID_ARGUMENT, violation.description,
                      error_info("BAD_REQUEST", {{"field", violation.field}}), request);
}

grpc::Status no_such_run(const std::string& run_id) {
  return not_found("NO_SUCH_RUN", "run", run_id, message("there is no run {}; see: launcher runs", run_id),
                   {{"run_id", run_id}});
}

grpc::Status no_such_node(const std::string& name) {
  return not_found("NO_SUCH_NODE", "node", name, message("there is no node {}; see: launcher status", name),
                   {{"node", name}});
}

grpc::Status no_such_rank(const std::string& run_id, int rank) {
  const std::string name = message("{}/{}", run_id, rank);
  return not_found("NO_SUCH_RANK", "rank", name, message("run {} has no rank {}", run_id, rank),
                   {{"run_id", run_id}, {"rank", std::to_string(rank)}});
}

}  // namespace trireme::launcher
