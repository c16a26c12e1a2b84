#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <utility>

#include "checkpoint/checkpoint_folder.h"
#include "checkpoint/checkpoint_index.h"
#include "checkpoint/shard_writer.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/collectives/communicator.h"
#include "trireme/runtime/checkpoint.h"
#include "trireme/runtime/train_context.h"

namespace trireme {
namespace {

using collectives::Communicator;

constexpr char kSuccess = '+';
constexpr char kFailure = '-';

// Runs `attempt` on every rank and hands all results to all. When it throws anywhere, every rank throws CheckpointError
// with the reason of the first rank that failed, so that no rank waits for one that gave up.
std::vector<std::string> attempt_on_all(Communicator& communicator, const std::string& what,
                                        const std::function<std::string()>& attempt) {
  std::string outcome;
  try {
    outcome = kSuccess + attempt();
  } catch (const CommError&) {
    throw;
  } catch (const std::exception& error) {
    outcome = kFailure + std::string(error.what());
  }
  std::vector<std::string> outcomes = communicator.all_gather_bytes(outcome);
  for (std::size_t rank = 0; rank < outcomes.size(); ++rank) {
    if (outcomes[rank].front() == kSuccess) continue;
    const std::string place = outcomes.size() == 1 ? "" : message("rank {}: ", rank);
    throw CheckpointError(message("cannot {}: {}{}", what, place, outcomes[rank].substr(1)));
  }
  for (std::string& result : outcomes) result.erase(0, 1);
  return outcomes;
}

// Runs `attempt` on rank 0 only; every rank gets its result.
std::string attempt_on_main(Communicator& communicator, const std::string& what,
                            const std::function<std::string()>& attempt) {
  return attempt_on_all(communicator, what, [&] { return communicator.rank() == 0 ? attempt() : std::string(); })
      .front();
}

CheckpointIndex merge(const std::vector<std::string>& manifests, std::int64_t step,
                      const std::vector<StateSource*>& sources, const CheckpointOptions& options) {
  CheckpointIndex index;
  index.step = step;
  index.world_size = static_cast<int>(manifests.size());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  index.saved_at_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  index.metadata = options.metadata;
  for (const std::string& manifest : manifests) add_manifest(index, parse_manifest(manifest));
  for (const StateSource* source : sources) index.scalars.merge(source->scalars());
  check_coverage(index);
  return index;
}

std::string newest_path(const std::string& folder) {
  const FoundCheckpoint found = find_newest_checkpoint(folder);
  for (const SkippedCheckpoint& skipped : found.skipped) {
    std::fprintf(stderr, "trireme: skipped checkpoint %s: %s\n", skipped.path.c_str(), skipped.reason.c_str());
  }
  if (!found.newest && !found.skipped.empty()) {
    throw CheckpointError(message("{}: none of its {} checkpoints is usable", folder, found.skipped.size()));
  }
  return found.newest ? found.newest->path() : "";
}

}  // namespace

Checkpoints::Checkpoints(TrainContext& context, std::string folder, CheckpointOptions options)
    : Checkpoints(context.communicator(), std::move(folder), std::move(options)) {}

Checkpoints::Checkpoints(Communicator& communicator, std::string folder, CheckpointOptions options)
    : communicator_(communicator), folder_(std::move(folder)), options_(std::move(options)) {
  if (folder_.empty()) throw ConfigError("checkpoints need a folder");
  if (options_.every_steps < 0)
    throw ConfigError(message("checkpoint every {} steps: 0 or more is needed", options_.every_steps));
  if (options_.keep < 1) throw ConfigError(message("keep {} checkpoints: at least 1 is needed", options_.keep));
}

std::string Checkpoints::save(std::int64_t finished_steps, const std::vector<StateSource*>& sources) {
  const std::string what = message("save {}/{}", folder_, checkpoint_folder_name(finished_steps));
  const std::string temporary =
      attempt_on_main(communicator_, what, [&] { return begin_save(folder_, finished_steps); });
  try {
    const auto manifests = attempt_on_all(communicator_, what, [&] {
      const ShardPlace place{temporary, communicator_.rank(), communicator_.size()};
      return encode_manifest(write_shards(place, sources, options_.metadata));
    });
    const std::string path = attempt_on_main(communicator_, what, [&] {
      std::string committed = commit_save(folder_, temporary, merge(manifests, finished_steps, sources, options_));
      prune_checkpoints(folder_, options_.keep);
      return committed;
    });
    last_step_ = finished_steps;
    return path;
  } catch (const CheckpointError&) {
    std::error_code ignored;
    if (communicator_.rank() == 0) std::filesystem::remove_all(temporary, ignored);
    throw;
  }
}

std::int64_t Checkpoints::load_newest(const std::vector<StateSource*>& sources) {
  const std::string path = attempt_on_main(communicator_, "resume", [&] { return newest_path(folder_); });
  return path.empty() ? 0 : load_agreed(path, sources);
}

std::int64_t Checkpoints::load(const std::string& path, const std::vector<StateSource*>& sources) {
  return load_agreed(attempt_on_main(communicator_, "load " + path, [&] { return open_checkpoint(path).path(); }),
                     sources);
}

std::int64_t Checkpoints::load_agreed(const std::string& path, const std::vector<StateSource*>& sources) {
  std::int64_t step = 0;
  for (StateSource* source : sources) source->before_load();
  attempt_on_all(communicator_, "load " + path, [&] {
    const SavedCheckpoint checkpoint(path);
    step = checkpoint.step();
    for (StateSource* source : sources) {
      for (const TensorSlice& slice : source->tensor_slices()) checkpoint.read(slice);
      source->load_scalars(checkpoint.scalars());
    }
    return std::string();
  });
  for (StateSource* source : sources) source->after_load();
  last_step_ = step;
  return step;
}

std::int64_t Checkpoints::restore(const std::vector<StateSource*>& sources) {
  if (options_.resume_from) return load(*options_.resume_from, sources);
  if (options_.resume) return load_newest(sources);
  const std::string found = attempt_on_main(communicator_, "look into " + folder_, [&] {
    const auto listed = list_checkpoints(folder_);
    return listed.empty() ? std::string() : listed.front().path;
  });
  if (found.empty()) return 0;
  throw ConfigError(message("{} is of an earlier run: resume it, or give this run another folder", found));
}

void Checkpoints::after_step(std::int64_t finished_steps, bool is_last, const std::vector<StateSource*>& sources) {
  const bool is_due = options_.every_steps > 0 && finished_steps % options_.every_steps == 0;
  if ((is_due || is_last) && finished_steps != last_step_) save(finished_steps, sources);
}

}  // namespace trireme
