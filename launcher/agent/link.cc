#include "agent/link.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include "trireme/v1/agent.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kHeartbeat{500};
constexpr std::chrono::milliseconds kRetry{300};

// A message for every record of a thousand ranks would cost the scheduler more than reading them.
constexpr std::chrono::milliseconds kRecordsWait{20};
constexpr std::size_t kMostBytes = 1 << 20;  // gRPC takes four

using Message = std::shared_ptr<v1::AgentMessage>;
using Stream = grpc::ClientReaderWriter<v1::AgentMessage, v1::AgentCommand>;

// Puts into `records` what else of ranks' records comes within kRecordsWait. Returns what came instead, if anything
// did.
std::optional<Message> gather(v1::AgentMessage& records, MessageOutbox& outbox) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + kRecordsWait;
  v1::RankStatus& all = *records.mutable_rank_status();
  for (std::size_t bytes = 0; bytes < kMostBytes;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    auto next = outbox.take(std::max(left, std::chrono::milliseconds(0)));
    if (!next || !(*next)->has_rank_status()) return next;
    all.MergeFrom((*next)->rank_status());
    bytes += (*next)->ByteSizeLong();
  }
  return std::nullopt;
}

void write_messages(Stream& stream, MessageOutbox& outbox, const std::atomic<bool>& is_over) {
  v1::AgentMessage heartbeat;
  heartbeat.mutable_heartbeat();
  while (!is_over) {
    auto message = outbox.take(kHeartbeat);
    if (message && (*message)->has_rank_status()) {
      v1::AgentMessage records = **message;  // a copy: the message itself may have to be sent again
      message = gather(records, outbox);
      if (!stream.Write(records)) return;
      if (!message) continue;
    }
    if (!stream.Write(message ? **message : heartbeat)) return;
  }
}

enum class StreamEnd { kBroken, kStopped, kRejected };

StreamEnd read_commands(Stream& stream, MessageOutbox& outbox, bool& was_connected,
                        const std::function<bool(const v1::AgentCommand&)>& on_command) {
  v1::AgentCommand command;
  while (stream.Read(&command)) {
    if (command.has_registered()) {
      if (!command.registered().error().empty()) {
        spdlog::error("the scheduler turned this agent away: {}", command.registered().error());
        return StreamEnd::kRejected;
      }
      was_connected = true;
      spdlog::info("registered with the scheduler");
    }
    if (command.has_acknowledged()) {
      outbox.acknowledge(command.acknowledged().messages());
      continue;
    }
    if (!on_command(command)) return StreamEnd::kStopped;
  }
  return StreamEnd::kBroken;
}

StreamEnd end_of(const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::UNAUTHENTICATED &&
      status.error_code() != grpc::StatusCode::PERMISSION_DENIED) {
    return StreamEnd::kBroken;
  }
  spdlog::error("the scheduler turned this agent away: {}", status.error_message());
  return StreamEnd::kRejected;
}

StreamEnd run_stream(v1::Agents::Stub& stub, const v1::Register& hello, MessageOutbox& outbox, bool& was_connected,
                     const std::function<bool(const v1::AgentCommand&)>& on_command) {
  grpc::ClientContext context;
  const std::unique_ptr<Stream> stream = stub.Connect(&context);
  v1::AgentMessage first;
  *first.mutable_register_() = hello;
  if (!stream->Write(first)) return end_of(stream->Finish());
  outbox.start_over();
  std::atomic<bool> is_over = false;
  StreamEnd end = StreamEnd::kBroken;
  {
    const std::jthread writer([&] { write_messages(*stream, outbox, is_over); });
    end = read_commands(*stream, outbox, was_connected, on_command);
    is_over = true;
    // A stream that ended has a status of its own, which says why; cancelling now could take its place.
    if (end == StreamEnd::kRejected) context.TryCancel();
  }
  if (end == StreamEnd::kStopped) stream->WritesDone();
  const StreamEnd said = end_of(stream->Finish());
  return end == StreamEnd::kBroken ? said : end;
}

}  // namespace

LinkEnd run_link(const std::string& address, const ClientAccess& access, const std::function<v1::Register()>& hello,
                 MessageOutbox& outbox, const std::function<bool(const v1::AgentCommand&)>& on_command,
                 std::chrono::seconds patience) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point give_up = Clock::now() + patience;
  while (Clock::now() < give_up) {
    // A fresh channel each time: gRPC's own backoff would wait longer than we want to.
    const auto channel = open_channel(address, access, {});
    const auto stub = v1::Agents::NewStub(channel);
    bool was_connected = false;
    switch (run_stream(*stub, hello(), outbox, was_connected, on_command)) {
      case StreamEnd::kStopped:
        return LinkEnd::kStopped;
      case StreamEnd::kRejected:
        return LinkEnd::kRejected;
      case StreamEnd::kBroken:
        break;
    }
    if (was_connected) {
      spdlog::warn("the scheduler at {} hung up; trying again for {} s", address, patience.count());
      give_up = Clock::now() + patience;
    }
    std::this_thread::sleep_for(kRetry);
  }
  return LinkEnd::kUnreachable;
}

}  // namespace trireme::launcher
