#include "flight_writer.h"

#include <unistd.h>

#include <cstring>
#include <mutex>

#include "record_file.h"
#include "trireme/base/log.h"

namespace trireme::collectives {
namespace {

constexpr int kVersion = 1;

// Taken by threads that just failed, never by a handler: whoever writes last shows the failures of all before.
constinit std::mutex failures_mutex;

class Writer {
 public:
  explicit Writer(RecordFile& file) noexcept : file_(file) {}

  void header(std::string_view identity, std::string_view reason) noexcept {
    const auto clocks = read_clocks();
    file_.text(R"({"format":"trireme-flight-record","version":)");
    file_.number(kVersion);
    file_.text(",");
    file_.text(identity);
    file_.text(R"(,"pid":)");
    file_.number(static_cast<std::int64_t>(::getpid()));
    file_.text(R"(,"reason":")");
    file_.text(reason);
    file_.text(R"(","clock":{"monotonic_ns":)");
    file_.number(clocks.monotonic_ns);
    file_.text(R"(,"unix_ns":)");
    file_.number(clocks.unix_ns);
    file_.text("}");
  }

  void communicator(const FlightRecorder& recorder) noexcept {
    const auto posted = recorder.posted();
    const auto kept = std::uint64_t{FlightRecorder::kOperations};
    const FlightClock::Conversion to_time(recorder.clock());
    file_.text("\n{");
    file_.text(recorder.group_json());
    file_.text(recorder.is_closed() ? R"(,"closed":true)" : R"(,"closed":false)");
    file_.text(R"(,"failure":)");
    file_.text(recorder.failure_json());
    file_.text(R"(,"posted":)");
    file_.number(posted);
    file_.text(R"(,"operations":[)");
    std::string_view separator = "\n";
    for (auto number = posted > kept ? posted - kept + 1 : 1; number <= posted; ++number) {
      FlightRecorder::Call call;
      if (!recorder.read(number, call)) continue;
      file_.text(separator);
      operation(call, to_time, recorder.has_failed());
      separator = ",\n";
    }
    file_.text("]}");
  }

 private:
  void operation(const FlightRecorder::Call& call, const FlightClock::Conversion& to_time, bool has_failed) noexcept {
    const auto& signature = call.signature;
    member(R"({"number":)", call.number);
    member(R"(,"sequence":)", signature.sequence);
    file_.text(R"(,"kind":")");
    file_.text(to_string(signature.kind));
    member(R"(","count":)", signature.count);
    file_.text(R"(,"dtype":")");
    file_.text(to_string(signature.dtype));
    file_.text(R"(","op":)");
    file_.text(is_reduction(signature.kind) ? R"(")" : "null");
    if (is_reduction(signature.kind)) file_.text(to_string(signature.op));
    if (is_reduction(signature.kind)) file_.text(R"(")");
    const bool is_message = is_point_to_point(signature.kind);
    optional(R"(,"root":)", is_rooted(signature.kind), signature.root);
    optional(R"(,"peer":)", is_message, signature.root);
    optional(R"(,"tag":)", is_message, call.tag);
    member(R"(,"bytes":)", signature.bytes());
    file_.text(R"(,"state":")");
    file_.text(state_of(call, has_failed));
    file_.text(R"(")");
    time(R"(,"posted":)", call.posted, to_time);
    time(R"(,"started":)", call.started, to_time);
    time(R"(,"finished":)", call.finished, to_time);
    file_.text("}");
  }
  template <typename Integer>
  void member(std::string_view key, Integer value) noexcept {
    file_.text(key);
    file_.number(value);
  }
  template <typename Integer>
  void optional(std::string_view key, bool has_value, Integer value) noexcept {
    file_.text(key);
    if (has_value) file_.number(value);
    if (!has_value) file_.text("null");
  }
  void time(std::string_view key, std::int64_t ticks, const FlightClock::Conversion& to_time) noexcept {
    optional(key, ticks != 0, to_time.monotonic_ns(ticks));
  }
  static std::string_view state_of(const FlightRecorder::Call& call, bool has_failed) noexcept {
    if (call.finished != 0) return "finished";
    if (has_failed) return "failed";
    return call.started != 0 ? "started" : "posted";
  }

  RecordFile& file_;
};

}  // namespace

int write_record(const FlightRegistry::Reader& reader, std::string_view path, std::string_view reason) noexcept {
  constexpr std::string_view kNobody = R"("rank":0)";  // no communicator was ever made
  const auto* identity = reader.identity();
  RecordFile file(path);
  Writer writer(file);
  writer.header(identity != nullptr ? std::string_view(identity->json) : kNobody, reason);
  file.text(R"(,"communicators":[)");
  std::string_view separator;
  for (const auto* recorder = reader.first(); recorder != nullptr; recorder = FlightRegistry::Reader::next(*recorder)) {
    file.text(separator);
    separator = ",";
    writer.communicator(*recorder);
  }
  file.text(R"(],"checksum":")");
  file.checksum();
  file.text("\"}\n");
  return file.commit() ? 0 : file.error();
}

void write_record_of_failure(std::string_view reason) noexcept {
  const std::lock_guard lock(failures_mutex);
  const FlightRegistry::Reader reader;
  const auto* identity = reader.identity();
  if (identity == nullptr || identity->file.empty()) return;
  if (const int error = write_record(reader, identity->file, reason); error != 0) {
    log_warn("rank={} event=flight_record_not_written file={} cause=\"{}\"", identity->rank, identity->file,
             std::strerror(error));
  } else {
    log_info("rank={} event=flight_record_written file={} reason={}", identity->rank, identity->file, reason);
  }
}

}  // namespace trireme::collectives
