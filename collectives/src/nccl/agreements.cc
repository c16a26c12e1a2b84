#include "agreements.h"

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

using namespace std::chrono_literals;

Agreements::~Agreements() {
  try {
    for (const auto& [pair, key] : last_keys_) board_.forget(key);
  } catch (const Error&) {
    // The store is gone, and the keys with it.
  }
}

// A call counts as known from the first time on, settled or not: calls start in order, so later ones of its kind wait
// for it, and whether a call is new must not depend on how fast the store answers.
bool Agreements::needs_asking(const Call& call) {
  if (mode_ == NcclAgreement::kOff || (board_.size() == 1 && !call.is_message())) return false;
  const auto kind = hash_of(call, false) * 2 + (call.signature.kind == OpKind::kSend ? 1 : 0);
  return known_.insert(kind).second || mode_ == NcclAgreement::kEvery;
}

bool Agreements::is_settled(Question& question, Clock::time_point now) {
  if (question.is_settled) return true;
  const auto& call = question.call;
  if (question.key.empty()) {
    if (!needs_asking(call)) return question.is_settled = true;
    question.key = message("agree/{}-{}/{}/{}", call.source, call.target, call.signature.sequence, hash_of(call, true));
    question.since = question.next_look = now;
    board_.arrive(question.key);
  }
  if (now < question.next_look) return false;
  if (board_.have_arrived(question.key, call.is_message() ? 2 : board_.size())) {
    settle(question);
  } else {
    // As long again as it has waited: one look more doubles the time, and costs at most that much.
    question.next_look = now + std::clamp<Clock::duration>(now - question.since, 100us, 20ms);
  }
  return question.is_settled;
}

// All that came to this one have left the one before, so its key can go.
void Agreements::settle(Question& question) {
  question.is_settled = true;
  auto& last = last_keys_[{question.call.source, question.call.target}];
  if (!last.empty()) board_.forget(last);
  last = question.key;
}

}  // namespace trireme::collectives
