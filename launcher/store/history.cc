#include "store/history.h"

#include <sqlite3.h>

#include <mutex>

#include <nlohmann/json.hpp>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr int kSchemaVersion = 2;

constexpr const char* kSchema = R"(
  CREATE TABLE runs (run_id TEXT PRIMARY KEY, number INTEGER NOT NULL, status TEXT NOT NULL, submitted REAL NOT NULL,
                     folder TEXT NOT NULL, document TEXT NOT NULL);
  CREATE INDEX runs_by_number ON runs (number);
  CREATE TABLE nodes (name TEXT PRIMARY KEY, state TEXT NOT NULL, host TEXT NOT NULL, gpus INTEGER NOT NULL,
                      last_seen REAL NOT NULL);
  CREATE TABLE points (run_id TEXT NOT NULL, rank INTEGER NOT NULL, time REAL NOT NULL, step INTEGER NOT NULL,
                       metrics TEXT NOT NULL);
  CREATE INDEX points_by_run ON points (run_id, time);
)";
constexpr const char* kSchemaOfActiveRuns = R"(
  CREATE TABLE active_runs (run_id TEXT PRIMARY KEY, number INTEGER NOT NULL, document BLOB NOT NULL);
)";

struct CloseDatabase {
  void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};

// "r-0012" is run 12.
int number_of(const std::string& run_id) {
  const std::size_t digits = run_id.find_first_of("0123456789");
  return digits == std::string::npos ? 0 : std::atoi(run_id.c_str() + digits);
}

}  // namespace

struct History::State {
  std::filesystem::path file;
  std::unique_ptr<sqlite3, CloseDatabase> database;
  mutable std::mutex mutex;  // guards database

  [[noreturn]] void fail(const char* doing) const {
    throw DataError(message("cannot {} in {}: {}", doing, file.string(), sqlite3_errmsg(database.get())));
  }
  void execute(const char* sql) const {
    if (sqlite3_exec(database.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail("change the history");
  }
};

namespace {

// A prepared statement; values are bound in order and copied.
class Statement {
 public:
  Statement(sqlite3* database, const std::filesystem::path& file, const char* sql) : database_(database), file_(file) {
    if (sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) != SQLITE_OK) fail();
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(const std::string& text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind_bytes(const std::string& bytes) {
    sqlite3_bind_blob(statement_, ++bound_, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(std::int64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  Statement& bind(double number) {
    sqlite3_bind_double(statement_, ++bound_, number);
    return *this;
  }
  // True while there are rows.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE) fail();
    return result == SQLITE_ROW;
  }
  void reset() {
    sqlite3_reset(statement_);
    bound_ = 0;
  }
  [[nodiscard]] std::string text(int column) const {
    const unsigned char* value = sqlite3_column_text(statement_, column);
    return value == nullptr ? "" : reinterpret_cast<const char*>(value);
  }
  [[nodiscard]] std::string bytes(int column) const {
    const auto* first = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return first == nullptr ? ""
                            : std::string(first, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }

 private:
  [[noreturn]] void fail() const {
    throw DataError(message("cannot use the history {}: {}", file_.string(), sqlite3_errmsg(database_)));
  }

  sqlite3* database_;
  const std::filesystem::path& file_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// What is done in its life is done as a whole once commit() was called, or not at all.
class Transaction {
 public:
  Transaction(sqlite3* database, const std::filesystem::path& file) : database_(database), file_(file) {
    Statement(database_, file_, "BEGIN").step();
  }
  ~Transaction() {
    if (!is_committed_) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    Statement(database_, file_, "COMMIT").step();
    is_committed_ = true;
  }

 private:
  sqlite3* database_;
  const std::filesystem::path& file_;
  bool is_committed_ = false;
};

std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

History::History(const std::filesystem::path& file) : state_(std::make_unique<State>()) {
  state_->file = file;
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  state_->database.reset(database);
  if (opened != SQLITE_OK) state_->fail("open the history");
  sqlite3_busy_timeout(database, 5000);
  state_->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  Statement version(database, state_->file, "PRAGMA user_version");
  version.step();
  const std::int64_t found = version.integer(0);
  if (found > kSchemaVersion) {
    throw DataError(
        message("history {} has schema {}, this launcher knows up to {}; use a newer launcher or another "
                "--name",
                file.string(), found, kSchemaVersion));
  }
  version.reset();
  if (found == kSchemaVersion) return;
  Transaction upgrade(database, state_->file);
  if (found == 0) state_->execute(kSchema);
  state_->execute(kSchemaOfActiveRuns);
  state_->execute("PRAGMA user_version = 2");
  upgrade.commit();
}

History::~History() = default;

void History::save_run(const RunView& run, const std::string& document) {
  const std::lock_guard lock(state_->mutex);
  Transaction transaction(state_->database.get(), state_->file);
  Statement insert(state_->database.get(), state_->file, "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(run.run_id).bind(std::int64_t{number_of(run.run_id)}).bind(run.status).bind(run.submitted);
  insert.bind(run.folder).bind(dump(to_json(run))).step();
  if (document.empty()) {
    Statement(state_->database.get(), state_->file, "DELETE FROM active_runs WHERE run_id = ?").bind(run.run_id).step();
  } else {
    Statement active(state_->database.get(), state_->file, "INSERT OR REPLACE INTO active_runs VALUES (?, ?, ?)");
    active.bind(run.run_id).bind(std::int64_t{number_of(run.run_id)}).bind_bytes(document).step();
  }
  transaction.commit();
}

void History::save_node(const NodeView& node) {
  const std::lock_guard lock(state_->mutex);
  Statement insert(state_->database.get(), state_->file, "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?)");
  insert.bind(node.name).bind(node.state).bind(node.host).bind(std::int64_t{node.gpus}).bind(node.last_seen).step();
}

void History::save_points(const std::vector<MetricPoint>& points) {
  if (points.empty()) return;
  const std::lock_guard lock(state_->mutex);
  Transaction transaction(state_->database.get(), state_->file);
  Statement insert(state_->database.get(), state_->file, "INSERT INTO points VALUES (?, ?, ?, ?, ?)");
  for (const MetricPoint& point : points) {
    insert.bind(point.run_id).bind(std::int64_t{point.rank}).bind(point.time).bind(point.step);
    insert.bind(dump(point.metrics)).step();
    insert.reset();
  }
  transaction.commit();
}

std::vector<std::string> History::active_documents() const {
  const std::lock_guard lock(state_->mutex);
  Statement select(state_->database.get(), state_->file, "SELECT document FROM active_runs ORDER BY number");
  std::vector<std::string> documents;
  while (select.step()) documents.push_back(select.bytes(0));
  return documents;
}

std::vector<RunView> History::runs(std::size_t limit) const {
  const std::lock_guard lock(state_->mutex);
  Statement select(state_->database.get(), state_->file, "SELECT document FROM runs ORDER BY number DESC LIMIT ?");
  select.bind(static_cast<std::int64_t>(limit));
  std::vector<RunView> runs;
  while (select.step()) runs.push_back(run_view_from_json(nlohmann::json::parse(select.text(0), nullptr, false)));
  return runs;
}

std::vector<MetricPoint> History::points(const std::string& run_id) const {
  const std::lock_guard lock(state_->mutex);
  Statement select(state_->database.get(), state_->file,
                   "SELECT rank, time, step, metrics FROM points WHERE run_id = ? ORDER BY time");
  select.bind(run_id);
  std::vector<MetricPoint> points;
  while (select.step()) {
    const nlohmann::json metrics = nlohmann::json::parse(select.text(3), nullptr, false);
    points.push_back(
        {run_id, static_cast<int>(select.integer(0)), select.real(1), select.integer(2),
         metrics.is_object() ? metrics.get<std::map<std::string, double>>() : std::map<std::string, double>{}});
  }
  return points;
}

int History::next_run_number() const {
  const std::lock_guard lock(state_->mutex);
  Statement select(state_->database.get(), state_->file, "SELECT COALESCE(MAX(number), 0) + 1 FROM runs");
  select.step();
  return static_cast<int>(select.integer(0));
}

}  // namespace trireme::launcher
