#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "scheduler/page_of.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/base/message.h"
#include "trireme/v1/ranks.grpc.pb.h"

namespace trireme::launcher {

namespace {

class RanksService final : public v1::Ranks::Service {
 public:
  explicit RanksService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status Get(grpc::ServerContext*, const v1::GetRankRequest* request, v1::Rank* reply) override {
    const std::optional<RunView> run = scheduler_.run(request->run_id());
    if (!run) return no_such_run(request->run_id());
    for (const RankView& rank : run->rank_views) {
      if (rank.rank != request->rank()) continue;
      *reply = to_proto(rank);
      return grpc::Status::OK;
    }
    return no_such_rank(request->run_id(), request->rank());
  }

  grpc::Status List(grpc::ServerContext*, const v1::ListRanksRequest* request, v1::ListRanksReply* reply) override {
    std::optional<RunView> run = scheduler_.run(request->run_id());
    if (!run) return no_such_run(request->run_id());
    std::erase_if(run->rank_views, [&](const RankView& rank) {
      const bool is_there = request->node().empty() || rank.node == request->node();
      return !is_there || !is_one_of(request->states(), rank.state);
    });
    const auto page = page_of(
        std::move(run->rank_views), *request,
        question_of(message("ranks {} on {}", request->run_id(), request->node()), request->states()),
        [](const RankView& rank) { return std::to_string(rank.rank); },
        [](const RankView& rank, const std::string& position) { return rank.rank > std::atoi(position.c_str()); });
    for (const RankView& rank : page.rows) *reply->add_ranks() = to_proto(rank);
    reply->set_next_page_token(page.next_token);
    return page.status;
  }

 private:
  Scheduler& scheduler_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_ranks_service(Scheduler& scheduler) {
  return std::make_shared<RanksService>(scheduler);
}

}  // namespace trireme::launcher
