#include "api/event_hub.h"

#include <atomic>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/post.hpp>

#include "api/json_text.h"
#include "api/rank_columns.h"
#include "api/task_json.h"
#include "scheduler/clock.h"

namespace trireme::launcher {

namespace {

using boost::system::error_code;

constexpr std::chrono::seconds kKeepAliveInterval{15};
constexpr std::size_t kPointsPerPublish = 400;
constexpr std::size_t kSpansPerPublish = 2000;

std::string event_text(std::string_view kind, std::string_view id, const nlohmann::json& data) {
  return fmt::format("event: {}\n{}data: {}\n\n", kind, id, to_text(data));
}

// `snapshot` and `ranks`: what ranks do goes apart, and shorter.
std::string state_events(ClusterSnapshot snapshot) {
  const double now = seconds_since_epoch();
  nlohmann::json ranks = nlohmann::json::array();
  for (RunView& run : snapshot.runs) {
    if (!run.ended && !run.rank_views.empty()) ranks.push_back(rank_columns(run, now));
    run.rank_views.clear();
  }
  return event_text("snapshot", fmt::format("id: {}\n", snapshot.revision), to_json(snapshot)) +
         event_text("ranks", "", ranks);
}

std::string board_event(const SnapshotSource& source) {
  return source.tasks() ? event_text("tasks", "", to_json(source.tasks()->board())) : std::string();
}

std::string spans_event(const std::vector<TaskSpan>& spans) {
  return spans.empty() ? std::string() : event_text("spans", "", to_json(spans));
}

}  // namespace

// Lets changes through to the hub until it is destroyed, and no second one while one waits to be handled.
struct EventHub::Gate {
  std::mutex mutex;
  EventHub* hub = nullptr;  // guarded by mutex; null once the hub is gone
  std::atomic<bool> is_waiting = false;

  void change() {
    if (is_waiting.exchange(true)) return;
    const std::lock_guard lock(mutex);
    if (hub) boost::asio::post(hub->context_, [target = hub] { target->on_change(); });
  }
};

EventHub::EventHub(boost::asio::io_context& context, SnapshotSource& source)
    : context_(context),
      source_(source),
      gate_(std::make_shared<Gate>()),
      next_publish_(context),
      next_keep_alive_(context),
      next_tasks_(context),
      next_check_(context) {
  gate_->hub = this;
  keep_alive();
  check_readers();
  if (source_.tasks() != nullptr) publish_tasks();
  subscription_ = source_.subscribe([gate = gate_](std::uint64_t) { gate->change(); });
}

EventHub::~EventHub() {
  subscription_.reset();
  const std::lock_guard lock(gate_->mutex);
  gate_->hub = nullptr;
}

bool EventHub::is_full() {
  forget_ended();
  return readers_.size() >= kMostReaders;
}

void EventHub::join(boost::asio::ip::tcp::socket socket, std::string head, std::function<bool()> may_stay) {
  head += "retry: 1000\n\n";
  head += state_events(source_.snapshot());
  head += board_event(source_);
  if (source_.tasks()) head += spans_event(source_.tasks()->spans_after(0, kSpansPerPublish));
  auto reader = std::make_shared<EventStream>(std::move(socket), std::make_shared<const std::string>(std::move(head)));
  reader->start();
  readers_.push_back({std::move(reader), std::move(may_stay)});
}

void EventHub::on_change() {
  gate_->is_waiting = false;
  if (std::exchange(is_publish_due_, true)) return;
  next_publish_.async_wait([this](const error_code& error) {
    if (!error) publish();
  });
}

void EventHub::publish() {
  is_publish_due_ = false;
  next_publish_.expires_after(kShortestInterval);
  forget_ended();
  if (readers_.empty()) return;
  ClusterSnapshot snapshot = source_.snapshot();
  if (sent_revision_ == snapshot.revision) return;
  sent_revision_ = snapshot.revision;
  std::string metrics = metrics_event(snapshot);
  send(state_events(std::move(snapshot)));
  if (!metrics.empty()) send(std::move(metrics));
}

// On its own clock: tasks change without the cluster's state.
void EventHub::publish_tasks() {
  forget_ended();
  const auto spans = source_.tasks()->spans_after(sent_span_, kSpansPerPublish);
  if (!spans.empty()) sent_span_ = spans.back().sequence;
  if (!readers_.empty()) {
    std::string board = board_event(source_);
    if (board != sent_board_) send(sent_board_ = std::move(board));
    if (!spans.empty()) send(spans_event(spans));
  }
  next_tasks_.expires_after(kTaskInterval);
  next_tasks_.async_wait([this](const error_code& error) {
    if (!error) publish_tasks();
  });
}

// Empty when no run has new points.
std::string EventHub::metrics_event(const ClusterSnapshot& snapshot) {
  std::vector<MetricPoint> fresh;
  for (const RunView& run : snapshot.runs) {
    const bool is_followed = sent_until_.contains(run.run_id);
    if (run.ended && !is_followed) continue;
    append_new_points(run.run_id, fresh);
    if (run.ended) sent_until_.erase(run.run_id);
  }
  return fresh.empty() ? std::string() : event_text("metrics", "", to_json(fresh));
}

void EventHub::append_new_points(const std::string& run_id, std::vector<MetricPoint>& fresh) {
  std::map<int, double>& until = sent_until_[run_id];
  const std::map<int, double> before = until;
  for (MetricPoint& point : source_.history(run_id, kPointsPerPublish)) {
    const auto last = before.find(point.rank);
    if (last != before.end() && point.time <= last->second) continue;
    until[point.rank] = point.time;
    fresh.push_back(std::move(point));
  }
}

void EventHub::send(std::string event) {
  const auto text = std::make_shared<const std::string>(std::move(event));
  for (const Reader& reader : readers_) reader.stream->offer(text);
}

void EventHub::forget_ended() {
  std::erase_if(readers_, [](const Reader& reader) { return !reader.stream->is_open(); });
}

void EventHub::keep_alive() {
  forget_ended();
  send(": still here\n\n");
  next_keep_alive_.expires_after(kKeepAliveInterval);
  next_keep_alive_.async_wait([this](const error_code& error) {
    if (!error) keep_alive();
  });
}

void EventHub::check_readers() {
  for (const Reader& reader : readers_) {
    if (!reader.may_stay()) reader.stream->close();
  }
  forget_ended();
  next_check_.expires_after(kCheckInterval);
  next_check_.async_wait([this](const error_code& error) {
    if (!error) check_readers();
  });
}

}  // namespace trireme::launcher
