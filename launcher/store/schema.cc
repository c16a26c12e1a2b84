#include "store/schema.h"

#include <map>

#include <nlohmann/json.hpp>

#include "store/curve_table.h"
#include "store/event_table.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr std::int64_t kSchemaVersion = 4;

constexpr const char* kFirstSchema = R"(
  CREATE TABLE runs (run_id TEXT PRIMARY KEY, number INTEGER NOT NULL, status TEXT NOT NULL, submitted REAL NOT NULL,
                     folder TEXT NOT NULL, document TEXT NOT NULL);
  CREATE INDEX runs_by_number ON runs (number);
  CREATE TABLE nodes (name TEXT PRIMARY KEY, state TEXT NOT NULL, host TEXT NOT NULL, gpus INTEGER NOT NULL,
                      last_seen REAL NOT NULL);
  CREATE TABLE points (run_id TEXT NOT NULL, rank INTEGER NOT NULL, time REAL NOT NULL, step INTEGER NOT NULL,
                       metrics TEXT NOT NULL);
  CREATE INDEX points_by_run ON points (run_id, time);
)";
// Of the second: runs that a scheduler that was killed leaves to the next.
constexpr const char* kActiveRuns = R"(
  CREATE TABLE active_runs (run_id TEXT PRIMARY KEY, number INTEGER NOT NULL, document BLOB NOT NULL);
)";
// Of the third: curves in chunks, events, what was asked for, and nodes that get no new ranks.
constexpr const char* kSpecsAndDrains = R"(
  CREATE TABLE specs (run_id TEXT PRIMARY KEY, document BLOB NOT NULL);
  CREATE TABLE drains (node TEXT PRIMARY KEY, cancel_at REAL NOT NULL);
)";

// Of the fourth: which of those leave.
constexpr const char* kLeavingNodes = "ALTER TABLE drains ADD COLUMN is_leaving INTEGER NOT NULL DEFAULT 0";

// Curves were one row a point. A damaged row is left out.
void move_points(const Database& database) {
  std::map<std::pair<std::string, int>, Curve> curves;
  Statement select(database, "SELECT run_id, rank, time, step, metrics FROM points ORDER BY run_id, rank, time");
  while (select.step()) {
    const nlohmann::json metrics = nlohmann::json::parse(select.text(4), nullptr, false);
    if (!metrics.is_object()) continue;
    std::map<std::string, double> values;
    for (const auto& [name, value] : metrics.items()) {
      if (value.is_number()) values[name] = value.get<double>();
    }
    add_record(curves[{select.text(0), static_cast<int>(select.integer(1))}], milliseconds_of(select.real(2)),
               select.integer(3), values);
  }
  CurveTable table(database);
  for (auto& [owner, curve] : curves) table.append({{owner.first, owner.second, std::move(curve)}});
}

void upgrade_to_third(const Database& database) {
  database.execute(CurveTable::kSchema);
  database.execute(EventTable::kSchema);
  database.execute(kSpecsAndDrains);
  move_points(database);
  database.execute("DROP TABLE points");
}

void upgrade_from(std::int64_t version, const Database& database) {
  if (version == kSchemaVersion) return;
  if (version < 1) database.execute(kFirstSchema);
  if (version < 2) database.execute(kActiveRuns);
  if (version < 3) upgrade_to_third(database);
  database.execute(kLeavingNodes);
  database.execute("PRAGMA user_version = 4");
}

std::int64_t version_of(const Database& database) {
  Statement version(database, "PRAGMA user_version");
  version.step();
  return version.integer(0);
}

}  // namespace

void upgrade_schema(const Database& database) {
  const std::int64_t found = version_of(database);
  if (found == kSchemaVersion) return;
  if (found > kSchemaVersion) {
    throw DataError(
        message("history {} has schema {}, this launcher knows up to {}; use a newer launcher or another "
                "--name",
                database.file().string(), found, kSchemaVersion));
  }
  Transaction upgrade(database);
  upgrade_from(version_of(database), database);  // again: another process may have been faster
  upgrade.commit();
}

}  // namespace trireme::launcher
