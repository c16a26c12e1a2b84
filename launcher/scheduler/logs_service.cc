#include <algorithm>

#include <grpcpp/grpcpp.h>

#include "scheduler/paging.h"
#include "scheduler/rpc_errors.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/v1/logs.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kLogWake{100};

bool is_asked_for(const v1::ReadLogRequest& request, const LogEntry& entry) {
  if (request.stream() != v1::LOG_ALL && entry.is_error != (request.stream() == v1::LOG_ERRORS)) return false;
  const auto& ranks = request.ranks();
  return ranks.empty() || std::find(ranks.begin(), ranks.end(), entry.rank) != ranks.end();
}

v1::LogChunk chunk_of(const LogBook::Piece& piece, const v1::ReadLogRequest& request) {
  v1::LogChunk chunk;
  for (const LogEntry& entry : piece.entries) {
    if (!is_asked_for(request, entry)) continue;
    v1::LogLine& line = *chunk.add_lines();
    line.set_rank(entry.rank);
    line.set_is_error(entry.is_error);
    line.set_text(entry.text);
  }
  chunk.set_next_token(log_token(piece.next));
  return chunk;
}

class LogsService final : public v1::Logs::Service {
 public:
  explicit LogsService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status Read(grpc::ServerContext* context, const v1::ReadLogRequest* request,
                    grpc::ServerWriter<v1::LogChunk>* writer) override {
    if (!scheduler_.run(request->run_id())) return no_such_run(request->run_id());
    const auto offset = begin_of(*request);
    if (!offset) return bad_request({"token", "token is none of Logs.Read"});
    send(*context, *request, *offset, *writer);
    return grpc::Status::OK;
  }

 private:
  [[nodiscard]] std::optional<std::uint64_t> begin_of(const v1::ReadLogRequest& request) const {
    if (!request.token().empty()) return parse_log_token(request.token());
    if (!request.has_tail()) return 0;
    return scheduler_.logs().tail_offset(request.run_id(), request.tail(),
                                         [&](const LogEntry& entry) { return is_asked_for(request, entry); });
  }

  void send(const grpc::ServerContext& context, const v1::ReadLogRequest& request, std::uint64_t offset,
            grpc::ServerWriter<v1::LogChunk>& writer) const {
    bool is_caught_up = false;  // and the caller knows
    while (!context.IsCancelled()) {
      const bool is_over = scheduler_.is_over(request.run_id());  // before the log: what it wrote is all there then
      const LogBook::Piece piece = scheduler_.logs().read(request.run_id(), offset);
      offset = piece.next;
      const bool is_end = piece.entries.empty();
      const v1::LogChunk chunk = chunk_of(piece, request);
      if ((!chunk.lines().empty() || (is_end && !is_caught_up)) && !writer.Write(chunk)) return;
      is_caught_up = is_end;
      if (!is_end) continue;
      if (is_over || !request.follow()) return;
      scheduler_.logs().wait_for_more(kLogWake);
    }
  }

  Scheduler& scheduler_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_logs_service(Scheduler& scheduler) {
  return std::make_shared<LogsService>(scheduler);
}

}  // namespace trireme::launcher
