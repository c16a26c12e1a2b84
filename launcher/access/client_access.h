#pragma once

#include <memory>
#include <string>

#include "access/access_folder.h"
#include "trireme/base/error.h"

namespace grpc {
class Channel;
class ChannelArguments;
}  // namespace grpc

namespace trireme::launcher {

// The scheduler asks for another token than the one that was sent.
class AccessError : public Error {
 public:
  using Error::Error;
};

// What a client of port 8787 comes with. Plain values.
struct ClientAccess {
  std::string certificate;  // PEM: the server must show exactly this one; empty: it speaks plainly
  std::string token;        // empty: none is sent
};

// What the owner's commands, or with `token_file` somebody else, reach a guarded cluster with. Throws DataError naming
// the file that cannot be read.
[[nodiscard]] ClientAccess client_access(const std::filesystem::path& certificate,
                                         const std::filesystem::path& token_file);

// A channel to "HOST:PORT" that sends the token with every call. Names do not matter for a certificate that is known to
// the byte, so it may be reached under any. Connects when it is first used.
[[nodiscard]] std::shared_ptr<grpc::Channel> open_channel(const std::string& address, const ClientAccess& access,
                                                          const grpc::ChannelArguments& arguments);

}  // namespace trireme::launcher
