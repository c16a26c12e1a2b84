#include "debug/flight_record.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "trireme/base/error.h"

namespace trireme::launcher {

namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uintmax_t kLargestFile = std::uintmax_t{256} << 20;

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw DataError(fmt::format("{} is no usable flight record: {}. Move it away to look at the others", file, why));
}

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
  return hash;
}

// The last member is the checksum of all bytes before its value.
void check_sum(std::string_view text, const std::string& file) {
  constexpr std::string_view kKey = R"("checksum":")";
  constexpr std::size_t kDigits = 16;
  const auto at = text.rfind(kKey);
  if (at == std::string_view::npos) refuse(file, "it has no checksum at its end, so it is not whole");
  const auto covered = text.substr(0, at + kKey.size());
  if (text.substr(covered.size(), kDigits) != fmt::format("{:016x}", fnv1a(covered))) {
    refuse(file, "its checksum does not fit, so it was changed or is not whole");
  }
}

// Seen by every conversion below: monotonic times of the writer plus this are times since the epoch.
struct Clock {
  std::int64_t offset = 0;
  [[nodiscard]] std::int64_t unix_ns(const Json& monotonic) const { return monotonic.get<std::int64_t>() + offset; }
  [[nodiscard]] std::optional<std::int64_t> optional_unix_ns(const Json& monotonic) const {
    return monotonic.is_null() ? std::nullopt : std::optional(unix_ns(monotonic));
  }
};

template <typename Value>
std::optional<Value> optional_value(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  return found->get<Value>();
}

FlightOperation operation_of(const Json& json, const Clock& clock) {
  return {.number = json.at("number"),
          .sequence = json.at("sequence"),
          .kind = json.at("kind"),
          .count = json.at("count"),
          .dtype = json.at("dtype"),
          .op = optional_value<std::string>(json, "op"),
          .root = optional_value<int>(json, "root"),
          .peer = optional_value<int>(json, "peer"),
          .tag = optional_value<int>(json, "tag"),
          .bytes = json.at("bytes"),
          .state = json.at("state"),
          .posted = clock.unix_ns(json.at("posted")),
          .started = clock.optional_unix_ns(json.at("started")),
          .finished = clock.optional_unix_ns(json.at("finished"))};
}

FlightFailure failure_of(const Json& json, const Clock& clock) {
  return {.kind = json.at("kind"),
          .time = clock.unix_ns(json.at("time")),
          .text = json.at("text"),
          .lost_rank = optional_value<int>(json, "lost_rank"),
          .missing = json.at("missing"),
          .standings = json.at("standings")};
}

FlightCommunicator communicator_of(const Json& json, const Clock& clock) {
  FlightCommunicator communicator{.name = json.at("name"),
                                  .backend = json.at("backend"),
                                  .rank = json.at("rank"),
                                  .size = json.at("size"),
                                  .is_closed = json.at("closed"),
                                  .posted = json.at("posted")};
  communicator.members = json.value("members", std::vector<int>{});
  if (const auto& failure = json.at("failure"); !failure.is_null()) communicator.failure = failure_of(failure, clock);
  for (const auto& operation : json.at("operations")) {
    communicator.operations.push_back(operation_of(operation, clock));
  }
  return communicator;
}

FlightRecord record_of(const Json& json, const std::string& file) {
  if (json.at("format") != "trireme-flight-record") refuse(file, "its format is another");
  if (json.at("version") != kVersion) {
    refuse(file, fmt::format("it is of version {}, this launcher reads {}", json.at("version").dump(), kVersion));
  }
  const auto& times = json.at("clock");
  const Clock clock{times.at("unix_ns").get<std::int64_t>() - times.at("monotonic_ns").get<std::int64_t>()};
  FlightRecord record{.file = file,
                      .rank = json.at("rank"),
                      .world_size = optional_value<int>(json, "world_size"),
                      .node = json.value("node", ""),
                      .run_id = optional_value<std::string>(json, "run_id").value_or(""),
                      .reason = json.at("reason"),
                      .written = times.at("unix_ns")};
  for (const auto& communicator : json.at("communicators")) {
    record.communicators.insert(record.communicators.begin(), communicator_of(communicator, clock));
  }
  return record;
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (const auto size = std::filesystem::file_size(path, error); !error && size > kLargestFile) {
    refuse(path.string(), fmt::format("it has {} bytes, more than any rank writes", size));
  }
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) refuse(path.string(), "it cannot be read");
  return std::move(text).str();
}

bool is_record_name(const std::string& name) { return name.starts_with("flight-rank") && name.ends_with(".json"); }

std::string count_text(const FlightOperation& operation) {
  return operation.kind == "barrier" ? "" : fmt::format(" of {} {}", operation.count, operation.dtype);
}

}  // namespace

FlightRecord parse_flight_record(std::string_view text, const std::string& file) {
  try {
    check_sum(text, file);
    return record_of(Json::parse(text), file);
  } catch (const Json::exception& error) {
    refuse(file, error.what());
  }
}

std::vector<FlightRecord> load_flight_records(const std::filesystem::path& folder) {
  std::vector<FlightRecord> records;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!is_record_name(entry.path().filename().string())) continue;
    records.push_back(parse_flight_record(read_file(entry.path()), entry.path().string()));
  }
  if (records.empty()) return records;
  const auto newest = std::ranges::max_element(records, {}, &FlightRecord::written)->run_id;
  std::erase_if(records, [&](const FlightRecord& record) { return record.run_id != newest; });
  std::ranges::sort(records, {}, &FlightRecord::rank);
  const auto twins = std::ranges::adjacent_find(records, {}, &FlightRecord::rank);
  if (twins != records.end()) {
    refuse(twins->file, fmt::format("{} is of rank {} too", std::next(twins)->file, twins->rank));
  }
  return records;
}

std::string describe(const FlightOperation& operation) {
  auto text = fmt::format("{} #{}{}", operation.kind, operation.sequence, count_text(operation));
  if (operation.op) text += fmt::format(", {}", *operation.op);
  if (operation.root) text += fmt::format(", root {}", *operation.root);
  if (operation.peer) text += fmt::format(", peer {}, tag {}", *operation.peer, operation.tag.value_or(0));
  return text;
}

}  // namespace trireme::launcher
