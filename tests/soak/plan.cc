#include "plan.h"

#include <random>

#include "trireme/base/message.h"

namespace trireme::soak {

namespace {

constexpr Injection kInjections[] = {Injection::kKilled,        Injection::kKilledInside, Injection::kKilledAnytime,
                                     Injection::kKilledForming, Injection::kStopped,      Injection::kSilent,
                                     Injection::kOtherCount,    Injection::kOtherDtype,   Injection::kOtherOp,
                                     Injection::kOtherKind,     Injection::kOtherOrder};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  // From `least` to `most`, both included.
  std::int64_t roll(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(engine_);
  }
  bool one_in(int n) { return roll(1, n) == 1; }
  std::uint64_t bits() { return engine_(); }
  template <typename Value, std::size_t size>
  Value pick(const Value (&values)[size]) {
    return values[static_cast<std::size_t>(roll(0, size - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

bool is_reduction(CallKind kind) {
  return kind == CallKind::kAllReduce || kind == CallKind::kReduceScatter || kind == CallKind::kReduce;
}

// Elements of a block: mostly few, so that a round is short; sometimes more than any staging area holds.
std::int64_t random_count(Dice& dice) {
  constexpr std::int64_t kMost[] = {0, 1, 7, 100, 100, 1000, 1000, 5000, 5000, 40'000};
  const auto most = dice.one_in(40) ? 250'000 : dice.pick(kMost);
  return dice.roll(most / 2, most);
}

Call random_call(Dice& dice, int ranks) {
  constexpr CallKind kKinds[] = {CallKind::kAllReduce, CallKind::kAllReduce,     CallKind::kAllReduce,
                                 CallKind::kAllGather, CallKind::kReduceScatter, CallKind::kBroadcast,
                                 CallKind::kReduce,    CallKind::kGather,        CallKind::kScatter,
                                 CallKind::kAllToAll,  CallKind::kBarrier,       CallKind::kRing};
  constexpr Dtype kDtypes[] = {Dtype::kUint8,    Dtype::kInt32,   Dtype::kInt64,  Dtype::kFloat16,
                               Dtype::kBfloat16, Dtype::kFloat32, Dtype::kFloat64};
  constexpr ReduceOp kOps[] = {ReduceOp::kSum, ReduceOp::kSum, ReduceOp::kAverage,
                               ReduceOp::kMin, ReduceOp::kMax, ReduceOp::kProduct};
  constexpr BufferKind kBuffers[] = {BufferKind::kForeign, BufferKind::kArena, BufferKind::kMixed};
  Call call{.kind = dice.pick(kKinds), .dtype = dice.pick(kDtypes), .op = dice.pick(kOps)};
  if (call.op == ReduceOp::kAverage && !collectives::is_floating(call.dtype)) call.op = ReduceOp::kSum;
  if (!is_reduction(call.kind)) call.op = ReduceOp::kSum;
  call.count = call.kind == CallKind::kBarrier ? 0 : random_count(dice);
  call.root = static_cast<int>(dice.roll(0, ranks - 1));
  call.is_in_place = dice.one_in(2);
  call.buffer = dice.pick(kBuffers);
  call.offset = dice.one_in(3) ? static_cast<int>(dice.roll(1, 100)) : 0;
  call.on_half = dice.one_in(5) && call.kind == CallKind::kAllReduce;
  call.seed = dice.bits();
  return call;
}

// A reduction that others can disagree with in every way.
Call plain_reduction(Dice& dice) {
  return {.kind = CallKind::kAllReduce,
          .dtype = Dtype::kFloat32,
          .op = ReduceOp::kSum,
          .count = dice.roll(1, dice.one_in(4) ? 30'000 : 500),
          .buffer = dice.one_in(2) ? BufferKind::kArena : BufferKind::kForeign,
          .seed = dice.bits()};
}

Call other_call(const Plan& plan) {
  Call other = plan.calls[plan.at];
  switch (plan.injection) {
    case Injection::kOtherCount:
      other.count += 1;
      break;
    case Injection::kOtherDtype:
      other.dtype = Dtype::kInt32;
      break;
    case Injection::kOtherOp:
      other.op = ReduceOp::kMax;
      break;
    case Injection::kOtherKind:
      other.kind = CallKind::kBroadcast;
      other.root = 0;
      break;
    case Injection::kOtherOrder:
      return plan.calls[plan.at + 1];
    default:
      break;
  }
  return other;
}

void plan_injection(Dice& dice, Plan& plan) {
  plan.injection = dice.pick(kInjections);
  plan.victim = static_cast<int>(dice.roll(0, plan.ranks - 1));
  plan.at = static_cast<std::size_t>(dice.roll(0, static_cast<std::int64_t>(plan.calls.size()) - 1));
  plan.calls[plan.at].on_half = false;
  plan.timeout = std::chrono::milliseconds(dice.roll(400, 800));
  plan.delay = std::chrono::microseconds(dice.roll(0, 30'000));
  if (!is_mismatch(plan.injection)) return;
  plan.calls[plan.at] = plain_reduction(dice);
  if (plan.injection == Injection::kOtherOrder) {
    const auto next =
        plan.calls.insert(plan.calls.begin() + static_cast<std::ptrdiff_t>(plan.at) + 1, plan.calls[plan.at]);
    next->count += 5;
  }
  plan.instead = other_call(plan);
}

}  // namespace

const char* to_string(CallKind kind) {
  constexpr const char* kNames[] = {"all_reduce", "reduce_scatter", "all_gather", "broadcast", "reduce",
                                    "gather",     "scatter",        "all_to_all", "barrier",   "ring"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* to_string(Injection injection) {
  constexpr const char* kNames[] = {"killed",   "killed_inside", "killed_anytime", "killed_forming",
                                    "stopped",  "silent",        "other_count",    "other_dtype",
                                    "other_op", "other_kind",    "other_order"};
  return kNames[static_cast<std::size_t>(injection)];
}

bool is_kill(Injection injection) { return injection <= Injection::kKilledForming; }
bool is_hang(Injection injection) { return injection == Injection::kStopped || injection == Injection::kSilent; }
bool is_mismatch(Injection injection) { return injection >= Injection::kOtherCount; }

Plan make_plan(std::uint64_t seed, const std::vector<std::string>& backends) {
  Dice dice(seed);
  Plan plan{.seed = seed};
  plan.backend = backends[static_cast<std::size_t>(dice.roll(0, static_cast<std::int64_t>(backends.size()) - 1))];
  plan.ranks = static_cast<int>(dice.roll(2, 5));
  constexpr std::size_t kStaging[] = {4096, 65'536, 1 << 20};
  plan.staging_bytes = dice.pick(kStaging);
  plan.in_flight = static_cast<int>(dice.roll(1, 4));
  const auto calls = dice.roll(1, 10);
  for (std::int64_t i = 0; i < calls; ++i) plan.calls.push_back(random_call(dice, plan.ranks));
  plan_injection(dice, plan);
  const int survivors = plan.ranks - (is_mismatch(plan.injection) ? 0 : 1);
  const auto more = dice.roll(1, 5);
  for (std::int64_t i = 0; i < more; ++i) plan.afterwards.push_back(random_call(dice, survivors));
  return plan;
}

std::string describe(const Plan& plan) {
  return message("seed={} backend={} ranks={} calls={} in_flight={} injection={} victim={} at={}", plan.seed,
                 plan.backend, plan.ranks, plan.calls.size(), plan.in_flight, to_string(plan.injection), plan.victim,
                 plan.at);
}

}  // namespace trireme::soak
