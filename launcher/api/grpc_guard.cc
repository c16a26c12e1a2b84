#include "api/grpc_guard.h"

#include <spdlog/spdlog.h>

#include "access/gatekeeper.h"
#include "access/role.h"
#include "scheduler/clock.h"
#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

class GrpcGuard final : public grpc::AuthMetadataProcessor {
 public:
  explicit GrpcGuard(const TokenBook& tokens) : tokens_(tokens) {}

  [[nodiscard]] bool IsBlocking() const override { return false; }  // a look at a file's date and a digest

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata*, OutputMetadata*) override
      try {
    const std::string_view path = value_of(metadata, ":path");
    const std::string_view authorization = value_of(metadata, "authorization");
    const std::optional<Role> needed = role_for_rpc(path);
    if (!needed) return grpc::Status::OK;
    const Admission admission =
        admit(tokens_, bearer_secret(authorization), TokenKind::kBearer, *needed, seconds_since_epoch());
    if (admission.principal) return grpc::Status::OK;
    return {admission.is_known ? grpc::StatusCode::PERMISSION_DENIED : grpc::StatusCode::UNAUTHENTICATED,
            admission.refusal};
  } catch (const Error& error) {
    spdlog::error("event=grpc_guard_failed error=\"{}\"", error.what());
    return {grpc::StatusCode::UNAVAILABLE, "the scheduler cannot read its tokens; its log says why"};
  }

 private:
  static std::string_view value_of(const InputMetadata& metadata, const char* name) {
    const auto found = metadata.find(name);
    return found == metadata.end() ? std::string_view() : std::string_view(found->second.data(), found->second.size());
  }

  const TokenBook& tokens_;
};

}  // namespace

std::shared_ptr<grpc::AuthMetadataProcessor> make_grpc_guard(const TokenBook& tokens) {
  return std::make_shared<GrpcGuard>(tokens);
}

}  // namespace trireme::launcher
