#pragma once

#include <memory>

#include <grpcpp/security/auth_metadata_processor.h>

#include "access/token_book.h"

namespace trireme::launcher {

// Looks at the token of every gRPC call before its handler runs: UNAUTHENTICATED without a valid one, PERMISSION_DENIED
// when its role does not reach. `tokens` outlives it.
[[nodiscard]] std::shared_ptr<grpc::AuthMetadataProcessor> make_grpc_guard(const TokenBook& tokens);

}  // namespace trireme::launcher
