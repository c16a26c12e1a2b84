#include "store/curve_table.h"

#include <algorithm>

#include "store/curve_codec.h"

namespace trireme::launcher {

namespace {

// In a tier that points are folded into, a rank keeps what outlives its records.
Curve moved_to(const Curve& curve, int tier, int rank) {
  if (tier == 0) return curve;
  Curve folded = fold(curve, kTiers[static_cast<std::size_t>(tier)].span);
  std::erase_if(folded.metrics, [&](const auto& column) { return !outlives_records(rank, column.first); });
  return folded;
}

std::int64_t newest_time(const Curve& curve) { return *std::max_element(curve.times.begin(), curve.times.end()); }

}  // namespace

CurveTable::CurveTable(const Database& database) : database_(database) {
  Statement select(database_,
                   "SELECT run_id, rank FROM chunks WHERE tier = 0 GROUP BY run_id, rank HAVING SUM(points < ?) > 1");
  select.bind(std::int64_t{kRecordsAChunk});
  while (select.step()) make_due({select.text(0), static_cast<int>(select.integer(1))}, true);
}

void CurveTable::append(const std::vector<RankCurve>& fresh) {
  for (const RankCurve& each : fresh) {
    if (each.curve.size() == 0) continue;
    const Owner owner{each.run_id, each.rank};
    insert(owner, 0, each.curve);
    std::size_t& unjoined = unjoined_[owner];
    unjoined += each.curve.size();
    if (unjoined < static_cast<std::size_t>(kRecordsAChunk)) continue;
    unjoined = 0;
    make_due(owner, false);
  }
}

void CurveTable::end(const std::string& run_id) {
  for (const auto& [rank, time] : newest(run_id)) {
    unjoined_.erase({run_id, rank});
    make_due({run_id, rank}, true);
  }
}

void CurveTable::make_due(const Owner& owner, bool is_ended) {
  const auto [place, is_new] = due_.emplace(owner, is_ended);
  if (is_new) order_.push_back(owner);
  place->second = place->second || is_ended;
}

bool CurveTable::compact(int steps) {
  for (; steps > 0 && !order_.empty(); --steps) {
    const Owner owner = order_.front();
    order_.pop_front();
    const bool is_ended = due_.extract(owner).mapped();
    const auto compaction = plan_compaction(chunks_of(owner), is_ended);
    if (!compaction) continue;
    carry_out(owner, *compaction);  // a damaged row throws and is not tried again
    make_due(owner, is_ended);
  }
  return !order_.empty();
}

void CurveTable::carry_out(const Owner& owner, const Compaction& compaction) const {
  Transaction transaction(database_);
  Curve curve = compaction.into ? read(*compaction.into) : Curve{};
  Statement remove(database_, "DELETE FROM chunks WHERE id = ?");
  for (const std::int64_t id : compaction.from) {
    add_points(curve, read(id));
    remove.bind(id).step();
    remove.reset();
  }
  curve = moved_to(curve, compaction.tier, owner.second);
  if (compaction.into) {
    replace(*compaction.into, curve);
  } else {
    insert(owner, compaction.tier, curve);
  }
  transaction.commit();
}

std::vector<ChunkInfo> CurveTable::chunks_of(const Owner& owner) const {
  Statement select(database_,
                   "SELECT id, tier, last, points FROM chunks WHERE run_id = ? AND rank = ? ORDER BY tier, id");
  select.bind(owner.first).bind(std::int64_t{owner.second});
  std::vector<ChunkInfo> chunks;
  while (select.step()) {
    chunks.push_back({select.integer(0), static_cast<int>(select.integer(1)), select.integer(2),
                      static_cast<int>(select.integer(3))});
  }
  return chunks;
}

Curve CurveTable::read(std::int64_t id) const {
  Statement select(database_, "SELECT data FROM chunks WHERE id = ?");
  select.bind(id).step();
  return unpack_curve(select.bytes(0));
}

void CurveTable::insert(const Owner& owner, int tier, const Curve& curve) const {
  Statement insert(database_, "INSERT INTO chunks (run_id, rank, tier, last, points, data) VALUES (?, ?, ?, ?, ?, ?)");
  insert.bind(owner.first).bind(std::int64_t{owner.second}).bind(std::int64_t{tier}).bind(newest_time(curve));
  insert.bind(static_cast<std::int64_t>(curve.size())).bind_bytes(pack(curve)).step();
}

void CurveTable::replace(std::int64_t id, const Curve& curve) const {
  Statement update(database_, "UPDATE chunks SET last = ?, points = ?, data = ? WHERE id = ?");
  update.bind(newest_time(curve)).bind(static_cast<std::int64_t>(curve.size())).bind_bytes(pack(curve)).bind(id).step();
}

std::vector<std::string> CurveTable::packed(const std::string& run_id, int rank) const {
  Statement select(database_, "SELECT data FROM chunks WHERE run_id = ? AND rank = ? ORDER BY tier DESC, id");
  select.bind(run_id).bind(std::int64_t{rank});
  std::vector<std::string> rows;
  while (select.step()) rows.push_back(select.bytes(0));
  return rows;
}

std::map<int, std::int64_t> CurveTable::newest(const std::string& run_id) const {
  Statement select(database_, "SELECT rank, MAX(last) FROM chunks WHERE run_id = ? GROUP BY rank");
  select.bind(run_id);
  std::map<int, std::int64_t> times;
  while (select.step()) times[static_cast<int>(select.integer(0))] = select.integer(1);
  return times;
}

}  // namespace trireme::launcher
