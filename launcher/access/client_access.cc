#include "access/client_access.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "access/certificate.h"
#include "access/private_file.h"

namespace trireme::launcher {

namespace {

using grpc::experimental::ExternalCertificateVerifier;
using grpc::experimental::TlsCustomVerificationCheckRequest;

// Accepts one certificate. That the server has its key too, the handshake has shown by then.
class PinnedCertificate final : public ExternalCertificateVerifier {
 public:
  explicit PinnedCertificate(const std::string& pem) : fingerprint_(look_at_certificate(pem).fingerprint) {}

  bool Verify(TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* verdict) override try {
    const grpc::string_ref shown = request->peer_cert();
    const bool is_same = look_at_certificate({shown.data(), shown.size()}).fingerprint == fingerprint_;
    if (!is_same) *verdict = {grpc::StatusCode::UNAUTHENTICATED, "the server shows another certificate than expected"};
    return true;
  } catch (const Error& error) {
    *verdict = {grpc::StatusCode::UNAUTHENTICATED, error.what()};
    return true;
  }

  void Cancel(TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string fingerprint_;
};

std::shared_ptr<grpc::ChannelCredentials> pinned(const std::string& certificate) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);  // by no authority; the verifier knows the one it must be
  options.set_check_call_host(false);
  options.set_certificate_verifier(ExternalCertificateVerifier::Create<PinnedCertificate>(certificate));
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

ClientAccess client_access(const std::filesystem::path& certificate, const std::filesystem::path& token_file) {
  return {.certificate = read_private_file(certificate), .token = read_secret_file(token_file)};
}

std::shared_ptr<grpc::Channel> open_channel(const std::string& address, const ClientAccess& access,
                                            const grpc::ChannelArguments& arguments) {
  if (access.certificate.empty()) {
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials = pinned(access.certificate);
  if (!access.token.empty()) {
    credentials = grpc::CompositeChannelCredentials(credentials, grpc::AccessTokenCredentials(access.token));
  }
  return grpc::CreateCustomChannel(address, credentials, arguments);
}

}  // namespace trireme::launcher
