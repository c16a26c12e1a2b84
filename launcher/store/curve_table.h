#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "store/curve.h"
#include "store/database.h"
#include "store/tiers.h"

namespace trireme::launcher {

// New points of one rank of a run; rank kAllRanks: of all its ranks together.
struct RankCurve {
  std::string run_id;
  int rank = 0;
  Curve curve;
};

// The curves of all runs in table `chunks`: a row is a packed stretch of one rank's curve in one tier (tiers.h). Points
// are appended as small rows; compact() joins and folds them later, a little at a time. Not thread-safe.
class CurveTable {
 public:
  static constexpr const char* kSchema = R"(
    CREATE TABLE chunks (id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, rank INTEGER NOT NULL,
                         tier INTEGER NOT NULL, last INTEGER NOT NULL, points INTEGER NOT NULL, data BLOB NOT NULL);
    CREATE INDEX chunks_by_rank ON chunks (run_id, rank, tier, id, last, points);
  )";

  // `database` outlives it and has the schema. What an earlier process left unjoined becomes due.
  explicit CurveTable(const Database& database);

  // In the caller's transaction.
  void append(const std::vector<RankCurve>& fresh);
  // No more points of this run come.
  void end(const std::string& run_id);
  // At most `steps` steps of compaction, each in a transaction of its own. False: nothing is due any more.
  bool compact(int steps);
  // A rank's rows, oldest first.
  [[nodiscard]] std::vector<std::string> packed(const std::string& run_id, int rank) const;
  // The newest time of every rank of a run, in milliseconds.
  [[nodiscard]] std::map<int, std::int64_t> newest(const std::string& run_id) const;

 private:
  using Owner = std::pair<std::string, int>;  // run, rank

  void make_due(const Owner& owner, bool is_ended);
  [[nodiscard]] std::vector<ChunkInfo> chunks_of(const Owner& owner) const;
  void carry_out(const Owner& owner, const Compaction& compaction) const;
  [[nodiscard]] Curve read(std::int64_t id) const;
  void insert(const Owner& owner, int tier, const Curve& curve) const;
  void replace(std::int64_t id, const Curve& curve) const;

  const Database& database_;
  std::map<Owner, std::size_t> unjoined_;  // records since the rank was due
  std::map<Owner, bool> due_;              // and whether its run has ended
  std::deque<Owner> order_;                // of those
};

}  // namespace trireme::launcher
