#include <cstdio>
#include <string>

#include "training/trial.h"
#include "trireme/base/message.h"

// One rank of parity runs over real processes and nodes, however they were started. Usage: parity_rank
// Every rank compares each of its results with the rank by rank reference. Exit code: 0 all equal bit for bit, 1 not.
namespace trireme::test {
namespace {

// With accumulation and in bf16 too.
void add_variations(std::vector<Trial>& trials, Trial trial) {
  trials.push_back(trial);
  trial.accumulation = 2;
  trials.push_back(trial);
  trial.precision = Precision::kBf16;
  trials.push_back(trial);
}

std::vector<Trial> all_trials(const TrainContext& context) {
  const int local = context.environment().local_world_size;
  const bool has_nodes = local < context.world_size();
  Trial trial{.ranks = context.world_size(), .steps = 4, .rows = 2 * context.world_size() - 1};
  trial.ranks_per_node = has_nodes ? local : 0;
  std::vector<Trial> trials;
  add_variations(trials, trial);
  trial.gate = [](std::int64_t step, int rank) { return rank == step % 2; };
  trials.push_back(trial);
  trial.gate = Trial{}.gate;
  for (const auto zero : {Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    for (const auto sharing : {Sharing::kAuto, Sharing::kOff}) {
      for (const auto over : {ShardOver::kWorld, ShardOver::kNode}) {
        if (over == ShardOver::kNode && !has_nodes) continue;
        trial.zero = zero;
        trial.sharing = sharing;
        trial.shard_over = over;
        add_variations(trials, trial);
      }
    }
  }
  return trials;
}

bool is_equal(TrainContext& context, const Trial& trial) {
  const auto found = difference(train_rank_by_rank(trial), train_with_trireme(context, trial));
  if (found.empty()) return true;
  std::fprintf(stderr, "rank %d differs from the reference: %s: %s\n", context.rank(), describe(trial).c_str(),
               found.c_str());
  return false;
}

int run(int argc, char** argv) {
  TrainContext context(argc, argv);
  const auto trials = all_trials(context);
  int failed = 0;
  for (const auto& trial : trials) failed += is_equal(context, trial) ? 0 : 1;
  context.print(message("{} ranks, {} on this node, over {}: {} of {} trials equal bit for bit", context.world_size(),
                        context.environment().local_world_size, context.communicator().backend(),
                        static_cast<int>(trials.size()) - failed, trials.size()));
  return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace trireme::test

int main(int argc, char** argv) { return trireme::test::run(argc, argv); }
