#include <grpcpp/grpcpp.h>

#include "scheduler/page_of.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "scheduler/task_board.h"
#include "trireme/v1/tasks.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::chrono::milliseconds kSpanWake{100};
constexpr std::size_t kSpansAMessage = 1000;

void fill(const TaskStates& states, v1::TaskCounts& counts) {
  counts.set_released(states.released);
  counts.set_waiting(states.waiting);
  counts.set_queued(states.queued);
  counts.set_processing(states.processing);
  counts.set_memory(states.memory);
  counts.set_erred(states.erred);
}

void fill(const TaskWorkerView& view, v1::TaskWorker& worker) {
  worker.set_address(view.address);
  worker.set_name(view.name);
  worker.set_status(view.status);
  worker.set_threads(view.threads);
  worker.set_memory_limit(view.memory_limit);
  worker.set_memory(view.memory);
  worker.set_cpu(view.cpu);
  worker.set_processing(view.processing);
  worker.set_in_memory(view.in_memory);
  worker.set_held_bytes(view.held_bytes);
  worker.set_occupancy(view.occupancy);
  worker.set_last_seen(view.last_seen);
}

void fill(const TaskPrefixView& view, v1::TaskPrefix& prefix) {
  prefix.set_name(view.name);
  fill(view.states, *prefix.mutable_tasks());
  if (view.seconds >= 0) prefix.set_seconds(view.seconds);
}

void fill(const TaskSpan& from, v1::TaskSpan& span) {
  span.set_sequence(from.sequence);
  span.set_prefix(from.prefix);
  span.set_worker(from.worker);
  span.set_thread(from.thread);
  span.set_begin(from.begin);
  span.set_end(from.end);
  span.set_erred(from.erred);
}

class TasksService final : public v1::Tasks::Service {
 public:
  TasksService(Scheduler& scheduler, const TaskSource* source) : scheduler_(scheduler), source_(source) {}

  grpc::Status GetSummary(grpc::ServerContext*, const v1::GetTaskSummaryRequest*, v1::TaskSummary* reply) override {
    if (source_ == nullptr) return no_tasks();
    const TaskBoard board = source_->board();
    reply->set_clients(board.clients);
    reply->set_workers(board.workers.size());
    fill(board.totals, *reply->mutable_tasks());
    return grpc::Status::OK;
  }

  grpc::Status ListWorkers(grpc::ServerContext*, const v1::ListTaskWorkersRequest* request,
                           v1::ListTaskWorkersReply* reply) override {
    if (source_ == nullptr) return no_tasks();
    const auto page = page_of(
        source_->board().workers, *request, "task workers", [](const TaskWorkerView& worker) { return worker.address; },
        [](const TaskWorkerView& worker, const std::string& address) { return worker.address > address; });
    for (const TaskWorkerView& worker : page.rows) fill(worker, *reply->add_workers());
    reply->set_next_page_token(page.next_token);
    return page.status;
  }

  grpc::Status ListPrefixes(grpc::ServerContext*, const v1::ListTaskPrefixesRequest* request,
                            v1::ListTaskPrefixesReply* reply) override {
    if (source_ == nullptr) return no_tasks();
    const auto page = page_of(
        source_->board().prefixes, *request, "task prefixes", [](const TaskPrefixView& prefix) { return prefix.name; },
        [](const TaskPrefixView& prefix, const std::string& name) { return prefix.name > name; });
    for (const TaskPrefixView& prefix : page.rows) fill(prefix, *reply->add_prefixes());
    reply->set_next_page_token(page.next_token);
    return page.status;
  }

  grpc::Status WatchSpans(grpc::ServerContext* context, const v1::WatchTaskSpansRequest* request,
                          grpc::ServerWriter<v1::TaskSpans>* writer) override {
    if (source_ == nullptr) return no_tasks();
    std::uint64_t seen = request->after_sequence();
    while (!context->IsCancelled() && !scheduler_.is_stopping()) {
      v1::TaskSpans spans;
      for (const TaskSpan& span : source_->spans_after(seen, kSpansAMessage)) fill(span, *spans.add_spans());
      if (spans.spans().empty()) {
        static_cast<void>(scheduler_.wait_until_stopped(kSpanWake));
        continue;
      }
      seen = spans.spans().rbegin()->sequence();
      if (!writer->Write(spans)) break;
    }
    return grpc::Status::OK;
  }

 private:
  static grpc::Status no_tasks() {
    return rpc_error(grpc::StatusCode::UNAVAILABLE, "NO_TASKS", "this scheduler serves no Dask tasks");
  }

  Scheduler& scheduler_;
  const TaskSource* source_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_tasks_service(Scheduler& scheduler, const TaskSource* source) {
  return std::make_shared<TasksService>(scheduler, source);
}

}  // namespace trireme::launcher
