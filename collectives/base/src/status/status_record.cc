#include "trireme/base/status_record.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxLineBytes = 65536;
// Far above any record of ours; a bound so that hostile nesting cannot exhaust the parser's stack.
constexpr int kMaxDepth = 8;

[[noreturn]] void reject(const std::string& why) {
  throw DataError(message("status record: {}. The line is dropped.", why));
}

[[noreturn]] void reject_key(std::string_view key, std::string_view expected) {
  reject(message("'{}' is not {}", key, expected));
}

const json* find(const json& object, const char* key) {
  const auto entry = object.find(key);
  return entry == object.end() || entry->is_null() ? nullptr : &*entry;
}

// Absent keys keep their default: writers may be older than readers.
void read(const json& object, const char* key, std::string& value) {
  const json* const found = find(object, key);
  if (found == nullptr) return;
  if (!found->is_string()) reject_key(key, "a text");
  value = found->get<std::string>();
}

void read(const json& object, const char* key, double& value) {
  const json* const found = find(object, key);
  if (found == nullptr) return;
  if (!found->is_number()) reject_key(key, "a number");
  value = found->get<double>();
}

void read(const json& object, const char* key, bool& value) {
  const json* const found = find(object, key);
  if (found == nullptr) return;
  if (!found->is_boolean()) reject_key(key, "true or false");
  value = found->get<bool>();
}

template <typename Integer>
void read_count(const json& object, const char* key, Integer& value) {
  const json* const found = find(object, key);
  if (found == nullptr) return;
  const bool is_count = found->is_number_unsigned() || (found->is_number_integer() && found->get<std::int64_t>() >= 0);
  if (!is_count || found->get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) {
    reject_key(key, "a count");
  }
  value = found->get<Integer>();
}

std::map<std::string, double> read_metrics(const json& object) {
  std::map<std::string, double> metrics;
  const json* const found = find(object, "metrics");
  if (found == nullptr) return metrics;
  if (!found->is_object()) reject_key("metrics", "an object");
  for (const auto& [name, value] : found->items()) {
    if (value.is_null()) continue;
    if (!value.is_number()) reject_key("metrics." + name, "a number");
    metrics.emplace(name, value.get<double>());
  }
  return metrics;
}

std::optional<CollectiveStatus> read_collective(const json& object) {
  const json* const found = find(object, "collective");
  if (found == nullptr) return std::nullopt;
  if (!found->is_object()) reject_key("collective", "an object");
  CollectiveStatus collective;
  read_count(*found, "sequence", collective.sequence);
  read(*found, "op", collective.op);
  read_count(*found, "bytes", collective.bytes);
  read(*found, "communicator", collective.communicator);
  read(*found, "running", collective.is_running);
  read(*found, "seconds", collective.seconds);
  return collective;
}

json to_json(const CollectiveStatus& collective) {
  return {{"sequence", collective.sequence},  {"op", collective.op},
          {"bytes", collective.bytes},        {"communicator", collective.communicator},
          {"running", collective.is_running}, {"seconds", collective.seconds}};
}

json parse_bounded(std::string_view line) {
  if (line.size() > kMaxLineBytes) reject(message("{} bytes, more than {}", line.size(), kMaxLineBytes));
  const auto shallow = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) reject(message("nested deeper than {}", kMaxDepth));
    return true;
  };
  auto object = json::parse(line, shallow, /*allow_exceptions=*/false);
  if (!object.is_object()) reject("not a JSON object");
  return object;
}

void check_kind(const json& object) {
  int version = 0;
  std::string type;
  read_count(object, "v", version);
  read(object, "type", type);
  if (version != kStatusRecordVersion) {
    reject(message("'v' is {}, this reader knows {}; use one version of Trireme on all nodes", version,
                   kStatusRecordVersion));
  }
  if (type != "status") reject_key("type", "'status'");
}

}  // namespace

std::string to_json_line(const StatusRecord& record) {
  json object{{"v", kStatusRecordVersion}, {"type", "status"},
              {"run_id", record.run_id},   {"rank", record.rank},
              {"time", record.time},       {"phase", record.phase},
              {"step", record.step},       {"total_steps", record.total_steps},
              {"metrics", json::object()}};
  // JSON has no NaN: nlohmann writes null for it.
  for (const auto& [name, value] : record.metrics) object["metrics"][name] = value;
  if (record.collective) object["collective"] = to_json(*record.collective);
  // Bytes that are no UTF-8 are replaced rather than thrown about.
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

StatusRecord parse_status_record(std::string_view line) {
  const json object = parse_bounded(line);
  check_kind(object);
  StatusRecord record;
  read(object, "run_id", record.run_id);
  read_count(object, "rank", record.rank);
  read(object, "time", record.time);
  read(object, "phase", record.phase);
  read_count(object, "step", record.step);
  read_count(object, "total_steps", record.total_steps);
  record.metrics = read_metrics(object);
  record.collective = read_collective(object);
  return record;
}

}  // namespace trireme
