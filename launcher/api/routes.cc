#include "api/routes.h"

#include <algorithm>

#include "api/assets.h"
#include "api/json_text.h"
#include "api/query.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr std::size_t kDefaultPoints = 800;
constexpr std::size_t kMostPoints = 5000;
constexpr std::size_t kDefaultLines = 200;
constexpr std::size_t kMostLines = 2000;

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

bool has_run(const SnapshotSource& source, const std::string& run_id) {
  return std::ranges::any_of(source.snapshot().runs, [&](const RunView& run) { return run.run_id == run_id; });
}

// Answers a question about one run with `about(run_id, count)`, once the query has been checked.
template <typename About>
HttpReply about_run(std::string_view target, const SnapshotSource& source, std::string_view count_name,
                    std::size_t fallback, std::size_t most, About about) {
  const auto run_id = query_value(target, "run");
  if (!run_id) return error_reply(400, "the query needs run=ID, for example ?run=r-0001");
  const auto count = query_count(target, count_name, fallback, most);
  if (!count) return error_reply(400, message("{} must be a number from 1 to {}", count_name, most));
  if (!has_run(source, *run_id)) return error_reply(404, "no such run; /json/status lists the runs");
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

}  // namespace

HttpReply answer(const HttpRequest& request, const SnapshotSource& source) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpReply reply = error_reply(405, "this port is read over HTTP with GET; use gRPC (trireme.v1) to change things");
    reply.allow = "GET, HEAD";
    return reply;
  }
  const std::string_view path = path_of(request.target);
  if (const Asset* asset = find_asset(path == "/status" ? "/" : path)) return asset_reply(request, *asset);
  if (path == "/health") return {.body = "ok"};
  if (path == "/json/status") return json_reply(to_json(source.snapshot()));
  if (path == "/json/history") return history_reply(request.target, source);
  if (path == "/json/logs") return logs_reply(request.target, source);
  if (path == "/events") return {.content_type = "text/event-stream", .is_event_stream = true};
  return error_reply(404, "nothing here; /status is the dashboard, /json/status the state");
}

}  // namespace trireme::launcher
