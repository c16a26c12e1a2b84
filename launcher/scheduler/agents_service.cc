#include <grpcpp/grpcpp.h>

#include <spdlog/spdlog.h>

#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/version.h"
#include "trireme/v1/agent.grpc.pb.h"

namespace trireme::launcher {

namespace {

using AgentStream = grpc::ServerReaderWriter<v1::AgentCommand, v1::AgentMessage>;

constexpr std::chrono::milliseconds kWriterWake{1000};
constexpr std::uint64_t kAcknowledgeEvery = 64;  // messages, or
constexpr std::size_t kAcknowledgeBytes = 256 << 10;

void write_commands(AgentStream& stream, CommandOutbox& outbox) {
  while (!outbox.is_done()) {
    const auto command = outbox.take(kWriterWake);
    if (command && !stream.Write(**command)) return;
  }
}

std::shared_ptr<v1::AgentCommand> acknowledgement(std::uint64_t messages) {
  auto command = std::make_shared<v1::AgentCommand>();
  command->mutable_acknowledged()->set_messages(messages);
  return command;
}

// Records travel together and are kept one by one until they are acknowledged.
std::uint64_t counted(const v1::AgentMessage& message) {
  if (message.has_heartbeat()) return 0;
  return message.has_rank_status() ? static_cast<std::uint64_t>(message.rank_status().json_lines_size()) : 1;
}

// Turns what one agent says into events.
class AgentSession {
 public:
  AgentSession(Scheduler& scheduler, std::string node) : scheduler_(scheduler), node_(std::move(node)) {}

  void on(const v1::AgentMessage& message) {
    scheduler_.post(NodeHeard{node_});
    switch (message.message_case()) {
      case v1::AgentMessage::kStoreOpened:
        return on(message.store_opened());
      case v1::AgentMessage::kRankStarted:
        return scheduler_.post(RankStarted{message.rank_started().run_id(), message.rank_started().rank()});
      case v1::AgentMessage::kRankOutput:
        return on(message.rank_output());
      case v1::AgentMessage::kRankExited:
        return on(message.rank_exited());
      case v1::AgentMessage::kRankStatus:
        return on(message.rank_status());
      case v1::AgentMessage::kStarterExited:
        return on(message.starter_exited());
      case v1::AgentMessage::kStartFailed:
        return scheduler_.post(StartFailed{message.start_failed().run_id(), node_, message.start_failed().error()});
      default:
        return;
    }
  }

 private:
  void on(const v1::StoreOpened& opened) {
    scheduler_.post(StoreOpened{opened.run_id(), static_cast<std::uint16_t>(opened.store_port()),
                                static_cast<std::uint16_t>(opened.master_port()), opened.error()});
  }
  void on(const v1::RankOutput& output) {
    scheduler_.add_output(output.run_id(), output.rank(), output.is_error(), output.first_line(),
                          {output.lines().begin(), output.lines().end()});
  }
  void on(const v1::RankExited& exited) {
    scheduler_.post(RankExited{exited.run_id(), exited.rank(), exited.code(), exited.signal(), exited.error()});
  }
  void on(const v1::RankStatus& status) {
    for (const std::string& line : status.json_lines()) on_record(line);
  }
  void on_record(const std::string& line) try {
    scheduler_.add_status(parse_status_record(line));
  } catch (const DataError& error) {
    spdlog::warn("node={} sent a bad status record: {}", node_, error.what());
  }
  void on(const v1::StarterExited& exited) {
    scheduler_.post(StarterExited{exited.run_id(), exited.code(), exited.output_tail()});
  }

  Scheduler& scheduler_;
  const std::string node_;
};

class AgentsService final : public v1::Agents::Service {
 public:
  explicit AgentsService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status Connect(grpc::ServerContext*, AgentStream* stream) override {
    v1::AgentMessage message;
    if (!stream->Read(&message) || !message.has_register_()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "an agent's first message is Register"};
    }
    const v1::Register hello = message.register_();
    v1::AgentCommand answer;
    v1::Registered& registered = *answer.mutable_registered();
    for (const std::string& run_id : scheduler_.active_runs()) registered.add_active_runs(run_id);
    if (hello.version() != version()) {
      registered.set_error(trireme::message("agent {} is version {}, the scheduler {}; install the same on all nodes",
                                            hello.node(), hello.version(), version()));
    }
    if (!stream->Write(answer) || !answer.registered().error().empty()) return grpc::Status::OK;
    serve(*stream, hello);
    return grpc::Status::OK;
  }

 private:
  void serve(AgentStream& stream, const v1::Register& hello) {
    auto outbox = std::make_shared<CommandOutbox>();
    scheduler_.connect_node(hello.node(), outbox);
    scheduler_.post(NodeRegistered{.node = hello.node(),
                                   .host = hello.host(),
                                   .gpus = hello.gpus(),
                                   .started = hello.started(),
                                   .runs = {hello.runs().begin(), hello.runs().end()}});
    spdlog::info("node={} registered host={} pid={} gpus={}", hello.node(), hello.host(), hello.pid(), hello.gpus());
    {
      const std::jthread writer([&] { write_commands(stream, *outbox); });
      AgentSession session(scheduler_, hello.node());
      v1::AgentMessage message;
      std::uint64_t taken = 0;
      std::uint64_t acknowledged = 0;
      std::size_t bytes = 0;
      while (stream.Read(&message)) {
        session.on(message);
        taken += counted(message);
        bytes += message.ByteSizeLong();
        if (taken - acknowledged < kAcknowledgeEvery && bytes < kAcknowledgeBytes) continue;
        acknowledged = taken;
        bytes = 0;
        outbox->put(acknowledgement(taken));
      }
      scheduler_.disconnect_node(hello.node(), outbox, "its agent's connection ended");
    }
    spdlog::info("node={} hung up", hello.node());
  }

  Scheduler& scheduler_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_agents_service(Scheduler& scheduler) {
  return std::make_shared<AgentsService>(scheduler);
}

}  // namespace trireme::launcher
