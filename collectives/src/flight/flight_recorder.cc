#include "flight_recorder.h"

#include "json_fragment.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

std::string json_of(const FlightGroup& group) {
  auto json = message(R"("name":{},"backend":{},"rank":{},"size":{})", json_text(group.name), json_text(group.backend),
                      group.rank, group.size);
  if (!group.members.empty()) json += message(R"(,"members":{})", json_list(group.members));
  return json;
}

}  // namespace

FlightRecorder::FlightRecorder(const FlightGroup& group)
    : rank_(group.rank), name_(group.name), group_json_(json_of(group)) {}

void FlightRecorder::fail(const FlightFailure& failure) { failure_.tell(failure); }
void FlightRecorder::abort(const Failure& failure) { abort_.tell({.failure = failure}); }

void FlightRecorder::Reason::tell(const FlightFailure& failure) {
  int none = kNone;
  if (!state_.compare_exchange_strong(none, kClaimed, std::memory_order_acq_rel)) return;
  const auto lost = failure.failure.lost_rank < 0 ? "null" : std::to_string(failure.failure.lost_rank);
  json_ = message(R"({"kind":"{}","time":{},"text":{},"lost_rank":{},"missing":{},"standings":{}})",
                  to_string(failure.failure.kind), read_clocks().monotonic_ns, json_text(failure.failure.text), lost,
                  json_list(failure.missing), json_list(failure.standings));
  state_.store(kTold, std::memory_order_release);
}

std::string_view FlightRecorder::failure_json() const noexcept {
  if (failure_.is_told()) return failure_.json();
  return abort_.is_told() ? abort_.json() : "null";
}

bool FlightRecorder::read(std::uint64_t number, Call& call) const noexcept {
  const auto& entry = entry_of(number);
  if (entry.number.load(std::memory_order_acquire) != number) return false;
  const auto packed = entry.call.load(std::memory_order_acquire);
  call.number = number;
  call.signature.sequence = entry.sequence.load(std::memory_order_acquire);
  call.signature.count = entry.count.load(std::memory_order_acquire);
  call.signature.root = static_cast<std::int32_t>(packed >> 32);
  call.signature.kind = static_cast<OpKind>(packed >> 16 & 0xFFU);
  call.signature.dtype = static_cast<Dtype>(packed >> 8 & 0xFFU);
  call.signature.op = static_cast<ReduceOp>(packed & 0xFFU);
  call.tag = entry.tag.load(std::memory_order_acquire);
  call.posted = entry.posted.load(std::memory_order_acquire);
  call.started = entry.started.load(std::memory_order_acquire);
  call.finished = entry.finished.load(std::memory_order_acquire);
  return entry.number.load(std::memory_order_acquire) == number;
}

}  // namespace trireme::collectives
