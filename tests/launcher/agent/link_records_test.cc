#include <gtest/gtest.h>

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <future>
#include <utility>
#include <vector>

#include "agent/link.h"
#include "trireme/base/message.h"
#include "trireme/v1/agent.grpc.pb.h"

// How an agent sends its ranks' records, as a scheduler sees it.
namespace trireme::launcher {
namespace {

using namespace std::chrono_literals;

struct Records {
  int messages = 0;
  std::vector<std::string> lines;
};

// Writes down what comes until a rank has exited, then stops the agent.
class RecordingScheduler final : public v1::Agents::Service {
 public:
  grpc::Status Connect(grpc::ServerContext*,
                       grpc::ServerReaderWriter<v1::AgentCommand, v1::AgentMessage>* stream) override {
    Records seen;
    v1::AgentMessage message;
    while (stream->Read(&message) && !message.has_rank_exited()) {
      if (!message.has_rank_status()) continue;
      ++seen.messages;
      for (const std::string& line : message.rank_status().json_lines()) seen.lines.push_back(line);
    }
    seen_.set_value(std::move(seen));
    v1::AgentCommand stop;
    stop.mutable_stop();
    stream->Write(stop);
    return grpc::Status::OK;
  }

  // Once the rank has exited.
  [[nodiscard]] Records records() { return seen_.get_future().get(); }

 private:
  std::promise<Records> seen_;
};

TEST(Link, SendsRecordsOfAMomentTogetherAndInTheirOrder) {
  static_cast<void>(spdlog::default_logger());
  RecordingScheduler recording;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&recording);
  const auto server = builder.BuildAndStart();
  MessageOutbox outbox(10'000);
  std::vector<std::string> sent;
  for (int rank = 0; rank < 600; ++rank) {
    auto said = std::make_shared<v1::AgentMessage>();
    said->mutable_rank_status()->add_json_lines(sent.emplace_back(message("record {}", rank)));
    outbox.put(std::move(said));
  }
  auto exited = std::make_shared<v1::AgentMessage>();
  exited->mutable_rank_exited();
  outbox.put(std::move(exited));
  const LinkEnd end = run_link(
      message("127.0.0.1:{}", port), {}, [] { return v1::Register(); }, outbox,
      [](const v1::AgentCommand& command) { return !command.has_stop(); }, 30s);
  server->Shutdown();
  EXPECT_EQ(end, LinkEnd::kStopped);
  const Records seen = recording.records();
  EXPECT_EQ(seen.lines, sent);
  EXPECT_LE(seen.messages, 10);
}

}  // namespace
}  // namespace trireme::launcher
