#include "store/history.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "store/curve_codec.h"
#include "store/schema.h"

namespace trireme::launcher {

namespace {

// "r-0012" is run 12.
int number_of(const std::string& run_id) {
  const std::size_t digits = run_id.find_first_of("0123456789");
  return digits == std::string::npos ? 0 : std::atoi(run_id.c_str() + digits);
}

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Database open_history(const std::filesystem::path& file) {
  Database database(file);
  upgrade_schema(database);
  return database;
}

MetricPoint point_of(const Curve& curve, std::size_t index, const CurveQuery& query) {
  MetricPoint point{query.run_id, query.rank, static_cast<double>(curve.times[index]) / 1000, curve.steps[index], {}};
  for (const auto& [name, column] : curve.metrics) {
    const Extent& extent = column[index];
    if (extent.count == 0) continue;
    point.metrics[name] = extent.mean;
    if (extent.count == 1) continue;
    point.low[name] = extent.low;
    point.high[name] = extent.high;
  }
  return point;
}

}  // namespace

History::History(const std::filesystem::path& file)
    : database_(open_history(file)), curves_(database_), events_(database_) {}

void History::save_run(const RunView& run, const std::string& document) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  Statement insert(database_, "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(run.run_id).bind(std::int64_t{number_of(run.run_id)}).bind(run.status).bind(run.submitted);
  insert.bind(run.folder).bind(dump(to_json(run))).step();
  if (document.empty()) {
    Statement(database_, "DELETE FROM active_runs WHERE run_id = ?").bind(run.run_id).step();
  } else {
    Statement active(database_, "INSERT OR REPLACE INTO active_runs VALUES (?, ?, ?)");
    active.bind(run.run_id).bind(std::int64_t{number_of(run.run_id)}).bind_bytes(document).step();
  }
  transaction.commit();
}

std::vector<std::string> History::active_documents() const {
  const std::lock_guard lock(mutex_);
  Statement select(database_, "SELECT document FROM active_runs ORDER BY number");
  std::vector<std::string> documents;
  while (select.step()) documents.push_back(select.bytes(0));
  return documents;
}

std::vector<RunView> History::runs(std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  Statement select(database_, "SELECT document FROM runs ORDER BY number DESC LIMIT ?");
  select.bind(static_cast<std::int64_t>(limit));
  std::vector<RunView> runs;
  while (select.step()) runs.push_back(run_view_from_json(nlohmann::json::parse(select.text(0), nullptr, false)));
  return runs;
}

int History::next_run_number() const {
  const std::lock_guard lock(mutex_);
  Statement select(database_, "SELECT COALESCE(MAX(number), 0) + 1 FROM runs");
  select.step();
  return static_cast<int>(select.integer(0));
}

void History::save_spec(const std::string& run_id, const std::string& document) {
  const std::lock_guard lock(mutex_);
  Statement(database_, "INSERT OR REPLACE INTO specs VALUES (?, ?)").bind(run_id).bind_bytes(document).step();
}

std::string History::spec(const std::string& run_id) const {
  const std::lock_guard lock(mutex_);
  Statement select(database_, "SELECT document FROM specs WHERE run_id = ?");
  return select.bind(run_id).step() ? select.bytes(0) : "";
}

void History::save_node(const NodeView& node) {
  const std::lock_guard lock(mutex_);
  Statement insert(database_, "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?)");
  insert.bind(node.name).bind(node.state).bind(node.host).bind(std::int64_t{node.gpus}).bind(node.last_seen).step();
}

void History::save_drain(const std::string& node, const std::optional<Drain>& drain) {
  const std::lock_guard lock(mutex_);
  if (drain) {
    Statement insert(database_, "INSERT OR REPLACE INTO drains VALUES (?, ?, ?)");
    insert.bind(node).bind(drain->cancel_at).bind(std::int64_t{drain->is_leaving}).step();
  } else {
    Statement(database_, "DELETE FROM drains WHERE node = ?").bind(node).step();
  }
}

std::map<std::string, Drain> History::drains() const {
  const std::lock_guard lock(mutex_);
  Statement select(database_, "SELECT node, cancel_at, is_leaving FROM drains");
  std::map<std::string, Drain> drains;
  while (select.step()) drains[select.text(0)] = {select.real(1), select.integer(2) != 0};
  return drains;
}

void History::forget_drains() {
  const std::lock_guard lock(mutex_);
  database_.execute("DELETE FROM drains");
}

std::uint64_t History::save_event(const ClusterEvent& event) {
  const std::lock_guard lock(mutex_);
  return events_.append(event);
}

std::vector<ClusterEvent> History::events(std::uint64_t after, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  return events_.after(after, limit);
}

std::uint64_t History::newest_event() const {
  const std::lock_guard lock(mutex_);
  return events_.newest();
}

void History::save_points(const std::vector<RankCurve>& fresh) {
  if (fresh.empty()) return;
  const std::lock_guard lock(mutex_);
  Transaction transaction(database_);
  curves_.append(fresh);
  transaction.commit();
}

void History::end_curves(const std::string& run_id) {
  const std::lock_guard lock(mutex_);
  curves_.end(run_id);
}

bool History::compact(int steps) {
  const std::lock_guard lock(mutex_);
  return curves_.compact(steps);
}

std::vector<MetricPoint> History::curve(const CurveQuery& query) const {
  std::vector<std::string> rows;
  {
    const std::lock_guard lock(mutex_);
    rows = curves_.packed(query.run_id, query.rank);
  }
  Curve whole;
  for (const std::string& row : rows) add_points(whole, unpack_curve(row));
  const Curve asked = thin(window(whole, milliseconds_of(query.from), milliseconds_of(query.to)), query.limit);
  std::vector<MetricPoint> points;
  points.reserve(asked.size());
  for (std::size_t index = 0; index < asked.size(); ++index) points.push_back(point_of(asked, index, query));
  return points;
}

std::map<int, std::int64_t> History::newest_points(const std::string& run_id) const {
  const std::lock_guard lock(mutex_);
  return curves_.newest(run_id);
}

}  // namespace trireme::launcher
