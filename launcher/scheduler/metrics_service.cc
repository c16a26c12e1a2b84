#include <algorithm>

#include <grpcpp/grpcpp.h>

#include "scheduler/convert.h"
#include "scheduler/paging.h"
#include "scheduler/rpc_errors.h"
#include "scheduler/scheduler.h"
#include "scheduler/services.h"
#include "trireme/base/error.h"
#include "trireme/v1/metrics.grpc.pb.h"

namespace trireme::launcher {

namespace {

constexpr std::uint32_t kDefaultCurve = 1000;
constexpr std::uint32_t kMostOfCurve = 50'000;
constexpr std::size_t kPointsAReply = 10'000;  // so that it stays below gRPC's 4 MiB
constexpr std::size_t kPointsAChunk = 500;
constexpr int kMostRanksAsked = kMostRanks;
constexpr std::chrono::milliseconds kPointWake{100};
constexpr int kQuietRounds = 4;             // after a run's end: what came last is on its way to the history
constexpr std::uint64_t kOverlap = 10'000;  // milliseconds: ranks' clocks differ

std::vector<int> ranks_of(const google::protobuf::RepeatedField<std::int32_t>& asked) {
  return asked.empty() ? std::vector<int>{0} : std::vector<int>(asked.begin(), asked.end());
}

std::size_t limit_of(std::uint32_t asked) { return asked == 0 ? kDefaultCurve : std::min(asked, kMostOfCurve); }

std::uint64_t milliseconds(double time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, milliseconds_of(time)));
}

template <typename Request>
grpc::Status check(const Scheduler& scheduler, const Request& request) {
  if (!scheduler.run(request.run_id())) return no_such_run(request.run_id());
  if (request.ranks_size() > kMostRanksAsked) return bad_request({"ranks", "ranks are too many"});
  return grpc::Status::OK;
}

// One call of Watch: what was, then what comes.
class MetricsWatch {
 public:
  using Writer = grpc::ServerWriter<v1::MetricsChunk>;

  MetricsWatch(const Scheduler& scheduler, const v1::WatchMetricsRequest& request, Writer& writer)
      : scheduler_(scheduler), request_(request), ranks_(ranks_of(request.ranks())), writer_(writer) {}

  void go_on(const grpc::ServerContext& context, const std::optional<MetricsPlace>& token) {
    if (token) place_ = *token;
    const bool is_known = token && scheduler_.live_points().after(request_.run_id(), place_.sequence, 0);
    if (!is_known && !send_past()) return;
    int quiet = 0;
    while (!context.IsCancelled() && !scheduler_.is_stopping() && quiet < kQuietRounds) {
      const std::uint64_t revision = scheduler_.revision();
      const bool is_over = scheduler_.is_over(request_.run_id());
      const auto news = scheduler_.live_points().after(request_.run_id(), place_.sequence, kPointsAChunk);
      // Too slow a caller has missed some: the history has them.
      if (!(news ? send(*news) : send_past())) return;
      if (!news || !news->points.empty()) continue;
      if (is_over) ++quiet;
      scheduler_.wait_for_change(revision, kPointWake);
    }
  }

 private:
  // The curves up to now, from the time of the token on.
  bool send_past() {
    place_.sequence = scheduler_.live_points().newest();
    const double from = place_.time > kOverlap ? static_cast<double>(place_.time - kOverlap) / 1000 : 0;
    for (const int rank : ranks_) {
      const auto points = scheduler_.curve(
          {.run_id = request_.run_id(), .rank = rank, .from = from, .limit = limit_of(request_.limit())});
      if (!points.empty()) past_until_[rank] = milliseconds(points.back().time);
      if (!send(points)) return false;
    }
    past_sequence_ = scheduler_.live_points().newest();
    return true;
  }

  bool send(const std::vector<MetricPoint>& points) {
    for (std::size_t begin = 0; begin < points.size(); begin += kPointsAChunk) {
      const std::size_t end = std::min(points.size(), begin + kPointsAChunk);
      v1::MetricsChunk chunk;
      for (std::size_t index = begin; index < end; ++index) *chunk.add_points() = to_proto(points[index]);
      place_.time = std::max(place_.time, milliseconds(points[end - 1].time));
      if (!write(chunk)) return false;
    }
    return true;
  }

  bool send(const LivePoints& news) {
    v1::MetricsChunk chunk;
    for (const LivePoint& live : news.points) {
      if (!is_wanted(live)) continue;
      place_.time = std::max(place_.time, milliseconds(live.point.time));
      *chunk.add_points() = to_proto(live.point);
    }
    place_.sequence = news.until;
    return chunk.points().empty() || write(chunk);
  }

  // Of the ranks asked for, and not sent as the past already.
  [[nodiscard]] bool is_wanted(const LivePoint& live) const {
    if (std::find(ranks_.begin(), ranks_.end(), live.point.rank) == ranks_.end()) return false;
    if (live.sequence > past_sequence_) return true;
    const auto sent = past_until_.find(live.point.rank);
    return sent == past_until_.end() || milliseconds(live.point.time) > sent->second;
  }

  bool write(v1::MetricsChunk& chunk) {
    chunk.set_next_token(metrics_token(place_));
    return writer_.Write(chunk);
  }

  const Scheduler& scheduler_;
  const v1::WatchMetricsRequest& request_;
  const std::vector<int> ranks_;
  Writer& writer_;
  MetricsPlace place_;
  std::map<int, std::uint64_t> past_until_;  // milliseconds, by rank
  std::uint64_t past_sequence_ = 0;          // later points are not of the past
};

grpc::Status damaged(const DataError& error) {
  return rpc_error(grpc::StatusCode::DATA_LOSS, "HISTORY_DAMAGED", error.what());
}

class MetricsService final : public v1::Metrics::Service {
 public:
  explicit MetricsService(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status Query(grpc::ServerContext* context, const v1::QueryMetricsRequest* request,
                     v1::MetricsReply* reply) override try {
    if (const auto status = check(scheduler_, *request); !status.ok()) return status;
    const std::vector<int> ranks = ranks_of(request->ranks());
    CurveQuery query{.run_id = request->run_id(), .from = request->from()};
    if (request->has_to()) query.to = request->to();
    query.limit = std::max<std::size_t>(1, std::min(limit_of(request->limit()), kPointsAReply / ranks.size()));
    for (const int rank : ranks) {
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      query.rank = rank;
      for (const MetricPoint& point : scheduler_.curve(query)) *reply->add_points() = to_proto(point);
    }
    return grpc::Status::OK;
  } catch (const DataError& error) {
    return damaged(error);
  }

  grpc::Status Watch(grpc::ServerContext* context, const v1::WatchMetricsRequest* request,
                     MetricsWatch::Writer* writer) override try {
    if (const auto status = check(scheduler_, *request); !status.ok()) return status;
    const std::optional<MetricsPlace> token = parse_metrics_token(request->token());
    if (!token && !request->token().empty()) return bad_request({"token", "token is none of Metrics.Watch"});
    MetricsWatch(scheduler_, *request, *writer).go_on(*context, token);
    return grpc::Status::OK;
  } catch (const DataError& error) {
    return damaged(error);
  }

 private:
  Scheduler& scheduler_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_metrics_service(Scheduler& scheduler) {
  return std::make_shared<MetricsService>(scheduler);
}

}  // namespace trireme::launcher
