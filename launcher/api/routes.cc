#include "api/routes.h"

#include <algorithm>
#include <array>

#include "api/assets.h"
#include "api/json_text.h"
#include "api/open_metrics.h"
#include "api/query.h"
#include "api/recent_ranks.h"
#include "api/task_json.h"
#include "scheduler/clock.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr std::size_t kDefaultPoints = 800;
constexpr std::size_t kMostPoints = 5000;
constexpr std::size_t kDefaultLines = 200;
constexpr std::size_t kMostLines = 2000;
constexpr std::size_t kMostSpans = 5000;
constexpr std::size_t kMostFirst = 1'000'000;  // rank

// Views of the one page. Those that Dask's dashboard has too bear its names.
constexpr std::array<std::string_view, 13> kPages = {
    "/status", "/runs",  "/ranks",  "/nodes",   "/topology", "/logs", "/compare", "/workers", "/info/main/workers.html",
    "/tasks",  "/graph", "/system", "/timeline"};

HttpReply json_reply(const nlohmann::json& json, unsigned status = 200) {
  return {.status = status, .content_type = "application/json", .body = to_text(json) + "\n"};
}

HttpReply asset_reply(const HttpRequest& request, const Asset& asset) {
  HttpReply reply{.content_type = std::string(asset.content_type), .etag = std::string(asset.etag)};
  if (request.if_none_match == asset.etag) {
    reply.status = 304;
  } else {
    reply.body = asset.bytes;
  }
  return reply;
}

// Answers a question about one run with `about(run_id, count)`, once the query has been checked.
template <typename About>
HttpReply about_run(std::string_view target, const SnapshotSource& source, std::string_view count_name,
                    std::size_t fallback, std::size_t most, About about) {
  const auto run_id = query_value(target, "run");
  if (!run_id) return error_reply(400, "the query needs run=ID, for example ?run=r-0001");
  const auto count = query_count(target, count_name, fallback, most);
  if (!count) return error_reply(400, message("{} must be a number from 1 to {}", count_name, most));
  if (!source.run(*run_id)) return error_reply(404, "no such run; /json/status lists the runs");
  return json_reply(about(*run_id, *count));
}

HttpReply history_reply(std::string_view target, const SnapshotSource& source) {
  return about_run(target, source, "limit", kDefaultPoints, kMostPoints, [&](const std::string& run, std::size_t most) {
    return nlohmann::json{{"run_id", run}, {"points", to_json(source.history(run, most))}};
  });
}

HttpReply logs_reply(std::string_view target, const SnapshotSource& source) {
  return about_run(target, source, "lines", kDefaultLines, kMostLines, [&](const std::string& run, std::size_t most) {
    return nlohmann::json{{"run_id", run}, {"lines", source.log_tail(run, most)}};
  });
}

HttpReply run_reply(std::string_view target, const SnapshotSource& source) {
  const auto run_id = query_value(target, "run");
  if (!run_id) return error_reply(400, "the query needs run=ID, for example ?run=r-0001");
  const auto run = source.run(*run_id);
  return run ? json_reply(to_json(*run)) : error_reply(404, "no such run; /json/status lists the runs");
}

HttpReply recent_reply(std::string_view target, const SnapshotSource& source) {
  const auto run_id = query_value(target, "run");
  if (!run_id) return error_reply(400, "the query needs run=ID, for example ?run=r-0001");
  const auto first = query_count(target, "first", 0, kMostFirst);
  if (!first) return error_reply(400, "first must be a rank's number");
  const auto run = source.run(*run_id);
  if (!run) return error_reply(404, "no such run; /json/status lists the runs");
  return json_reply(recent_ranks(source, *run, static_cast<int>(*first), run->ended.value_or(seconds_since_epoch())));
}

TaskBoard board_of(const SnapshotSource& source) { return source.tasks() ? source.tasks()->board() : TaskBoard{}; }

HttpReply spans_reply(std::string_view target, const SnapshotSource& source) {
  const auto after = query_count(target, "after", 0, SIZE_MAX);
  if (!after) return error_reply(400, "after must be the sequence of a span");
  const auto spans = source.tasks() ? source.tasks()->spans_after(*after, kMostSpans) : std::vector<TaskSpan>{};
  return json_reply({{"spans", to_json(spans)}});
}

HttpReply metrics_reply(const SnapshotSource& source) {
  const auto board = source.tasks() ? std::optional(source.tasks()->board()) : std::nullopt;
  return {.content_type = kOpenMetricsType, .body = open_metrics(source.snapshot(), board ? &*board : nullptr)};
}

// As Dask's, for people who look for what there is.
HttpReply index_reply() {
  constexpr std::array<std::string_view, 8> kJson = {"counts.json",   "status",      "run?run=ID", "history?run=ID",
                                                     "recent?run=ID", "logs?run=ID", "tasks",      "spans"};
  std::string body =
      "<!doctype html><html lang=\"en\"><title>Index of JSON routes</title><h1>Index of JSON routes</h1><ul>";
  for (const auto name : kJson) body += message("<li><a href=\"/json/{}\">/json/{}</a></li>", name, name);
  return {.content_type = "text/html; charset=utf-8", .body = body + "</ul></html>\n"};
}

}  // namespace

HttpReply answer(const HttpRequest& request, const SnapshotSource& source) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpReply reply = error_reply(405, "this port is read over HTTP with GET; use gRPC (trireme.v1) to change things");
    reply.allow = "GET, HEAD";
    return reply;
  }
  const std::string_view path = path_of(request.target);
  const bool is_page = std::ranges::find(kPages, path) != kPages.end();
  if (const Asset* asset = find_asset(is_page ? "/" : path)) return asset_reply(request, *asset);
  if (path == "/metrics") return metrics_reply(source);
  if (path == "/json/run") return run_reply(request.target, source);
  if (path == "/json/recent") return recent_reply(request.target, source);
  if (path == "/json/tasks") return json_reply(to_json(board_of(source)));
  if (path == "/json/spans") return spans_reply(request.target, source);
  if (path == "/json/counts.json") return json_reply(dask_counts(board_of(source)));
  if (path == "/json/index.html") return index_reply();
  if (path == "/health") return {.body = "ok"};
  if (path == "/json/status") return json_reply(to_json(source.snapshot()));
  if (path == "/json/history") return history_reply(request.target, source);
  if (path == "/json/logs") return logs_reply(request.target, source);
  if (path == "/events") return {.content_type = "text/event-stream", .is_event_stream = true};
  return error_reply(404, "nothing here; /status is the dashboard, /json/status the state");
}

}  // namespace trireme::launcher
