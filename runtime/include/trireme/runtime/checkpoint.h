#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trireme/runtime/state.h"

// Checkpoints: folders of safetensors shards with an index. runtime/src/checkpoint/README.md has the format.
namespace trireme {

namespace collectives {
class Communicator;
}
class TrainContext;

// A complete checkpoint on disk, opened for reading. Immutable; const calls are thread-safe.
//
// Opening checks the index (version, checksum) and that every file is there with its size; verify() reads the files and
// checks their checksums. Both throw CheckpointError naming the file and the reason.
class SavedCheckpoint {
 public:
  // `path`: a checkpoint (…/step-00000200).
  explicit SavedCheckpoint(const std::string& path);
  ~SavedCheckpoint();
  SavedCheckpoint(SavedCheckpoint&&) noexcept;
  SavedCheckpoint& operator=(SavedCheckpoint&&) noexcept;

  void verify() const;

  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] std::int64_t step() const noexcept;  // steps finished when it was saved
  [[nodiscard]] int world_size() const noexcept;     // ranks that saved it
  [[nodiscard]] const std::map<std::string, std::string>& scalars() const noexcept;
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept;
  // Names of all saved tensors, sorted.
  [[nodiscard]] std::vector<std::string> tensor_names() const;
  // Copies the saved elements into slice.values, whatever ranks they came from; converts the dtype if it differs.
  // Throws CheckpointError naming the tensor when it is missing, has another shape or is not covered.
  void read(const TensorSlice& slice) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A checkpoint folder that was passed over, and why.
struct SkippedCheckpoint {
  std::string path;
  std::string reason;
};

struct FoundCheckpoint {
  std::optional<SavedCheckpoint> newest;   // complete and verified
  std::vector<SkippedCheckpoint> skipped;  // newer ones that are not
};

// Looks through a folder of checkpoints, the one saved last first. A folder that does not exist holds none. Not
// collective.
[[nodiscard]] FoundCheckpoint find_newest_checkpoint(const std::string& folder);

// Opens and verifies what a user named: one checkpoint, or a folder of them (then the newest complete one).
// Throws CheckpointError when there is none.
[[nodiscard]] SavedCheckpoint open_checkpoint(const std::string& path);

struct CheckpointOptions {
  std::int64_t every_steps = 0;  // 0: only after the last step
  int keep = 3;                  // newest ones kept; at least 1
  bool resume = false;           // restore() starts from the newest complete one of the folder …
  std::optional<std::string> resume_from = std::nullopt;  // … or from this one, which must be usable
  // Kept with every checkpoint and in every shard's __metadata__, e.g. the model's configuration.
  std::map<std::string, std::string> metadata = {};
};

// Saves and loads the state of a run. Every rank makes one with equal arguments; `folder` must be on a file system that
// all ranks see. Calls are collective, from one thread, and need the communicator to be alive.
//
// A save is atomic: the shards are written and fsynced under a temporary name, rank 0 renames the folder and then moves
// the pointer `latest`. When any rank cannot write, all ranks throw CheckpointError with that rank's reason, the
// temporary folder is removed and the older checkpoints stay.
class Checkpoints final : public StateKeeper {
 public:
  Checkpoints(TrainContext& context, std::string folder, CheckpointOptions options);
  // `communicator` is not owned.
  Checkpoints(collectives::Communicator& communicator, std::string folder, CheckpointOptions options);

  // Saves now. Replaces a checkpoint of the same step. Returns its path.
  std::string save(std::int64_t finished_steps, const std::vector<StateSource*>& sources);
  // Loads the newest complete checkpoint of the folder, on any world size; torn ones are named on stderr and skipped.
  // Returns the number of its finished steps, 0 when there is none.
  std::int64_t load_newest(const std::vector<StateSource*>& sources);
  // Loads this one (see open_checkpoint). Throws CheckpointError on every rank when it is not usable.
  std::int64_t load(const std::string& path, const std::vector<StateSource*>& sources);

  // Follows the options. Without resuming, a folder that holds checkpoints already is a ConfigError: a new run must not
  // mix with an old one.
  std::int64_t restore(const std::vector<StateSource*>& sources) override;
  void after_step(std::int64_t finished_steps, bool is_last, const std::vector<StateSource*>& sources) override;

  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  // Steps of the checkpoint saved or loaded last; -1 before.
  [[nodiscard]] std::int64_t last_step() const noexcept { return last_step_; }

 private:
  std::int64_t load_agreed(const std::string& path, const std::vector<StateSource*>& sources);

  collectives::Communicator& communicator_;
  std::string folder_;
  CheckpointOptions options_;
  std::int64_t last_step_ = -1;
};

}  // namespace trireme
