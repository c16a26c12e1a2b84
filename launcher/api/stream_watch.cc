#include "api/stream_watch.h"

#include <condition_variable>

#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include "access/gatekeeper.h"
#include "scheduler/clock.h"

namespace trireme::launcher {

namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

constexpr std::chrono::seconds kPause{1};

}  // namespace

// One call. Handlers do not see the token, and what they do not see they cannot log.
class StreamWatch::Interceptor final : public grpc::experimental::Interceptor {
 public:
  Interceptor(StreamWatch& watch, ServerRpcInfo* call) : watch_(watch), call_(call) {}
  ~Interceptor() override { watch_.forget(call_->server_context()); }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      auto& metadata = *methods->GetRecvInitialMetadata();
      const auto found = metadata.find("authorization");
      if (found != metadata.end()) {
        const std::string_view value(found->second.data(), found->second.size());
        if (call_->type() != ServerRpcInfo::Type::UNARY) {
          watch_.add(call_->server_context(), bearer_secret(value), call_->method());
        }
        metadata.erase(found);
      }
    }
    methods->Proceed();
  }

 private:
  StreamWatch& watch_;
  ServerRpcInfo* const call_;
};

class StreamWatch::Factory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(StreamWatch& watch) : watch_(watch) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* call) override {
    return new Interceptor(watch_, call);
  }

 private:
  StreamWatch& watch_;
};

StreamWatch::StreamWatch(const TokenBook& tokens)
    : tokens_(tokens), looker_([this](const std::stop_token& stop) { look(stop); }) {}

StreamWatch::~StreamWatch() = default;

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> StreamWatch::make_factory() {
  return std::make_unique<Factory>(*this);
}

void StreamWatch::add(grpc::ServerContextBase* context, std::string_view secret, std::string_view method) try {
  const std::optional<Role> needed = role_for_rpc(method);
  if (!needed) return;
  const FoundToken found = tokens_.find(secret, TokenKind::kBearer, seconds_since_epoch());
  const std::lock_guard lock(mutex_);
  streams_[context] = {found.token.id, *needed};  // of a token that went meanwhile: no id, so it ends at once
} catch (const std::exception& error) {
  spdlog::error("event=stream_not_watched error=\"{}\"", error.what());
  context->TryCancel();
}

void StreamWatch::forget(grpc::ServerContextBase* context) {
  const std::lock_guard lock(mutex_);
  streams_.erase(context);
}

void StreamWatch::look(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    stopped.wait_for(lock, stop, kPause, [] { return false; });
    end_refused();
  }
}

// Under the lock, so that no context goes while it is cancelled.
void StreamWatch::end_refused() {
  const double now = seconds_since_epoch();
  const std::lock_guard lock(mutex_);
  for (auto stream = streams_.begin(); stream != streams_.end();) {
    if (still_admits(tokens_, stream->second.token_id, stream->second.needed, now)) {
      ++stream;
      continue;
    }
    spdlog::info("event=stream_ended token={} reason=\"its token was revoked or has expired\"",
                 stream->second.token_id);
    stream->first->TryCancel();
    stream = streams_.erase(stream);
  }
}

}  // namespace trireme::launcher
