#include <algorithm>
#include <filesystem>
#include <utility>

#include "checkpoint/checkpoint_folder.h"
#include "checkpoint/checkpoint_index.h"
#include "data/mapped_file.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/checkpoint.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;

// When it was saved; before all others when that cannot be told.
std::int64_t saved_at(const std::string& path) {
  try {
    const std::string file = path + "/" + kIndexFile;
    const MappedFile mapped(file);
    return parse_index({reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()}, file).saved_at_ns;
  } catch (const DataError&) {
    return -1;
  }
}

std::string join_reasons(const std::vector<SkippedCheckpoint>& skipped) {
  std::string text;
  for (const SkippedCheckpoint& checkpoint : skipped) text += "; " + checkpoint.reason;
  return text;
}

}  // namespace

std::vector<ListedCheckpoint> list_checkpoints(const std::string& folder) {
  std::vector<ListedCheckpoint> listed;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::int64_t step = step_of_folder_name(entry.path().filename().string());
    if (step < 0 || !entry.is_directory(error)) continue;
    listed.push_back({entry.path().string(), step, saved_at(entry.path().string())});
  }
  std::ranges::sort(listed, std::greater{},
                    [](const ListedCheckpoint& one) { return std::pair(one.saved_at_ns, one.step); });
  return listed;
}

FoundCheckpoint find_newest_checkpoint(const std::string& folder) {
  FoundCheckpoint found;
  for (const ListedCheckpoint& candidate : list_checkpoints(folder)) {
    try {
      SavedCheckpoint checkpoint(candidate.path);
      // A torn one is worth a word only where it would have been chosen, so those that list last are looked at too.
      if (found.newest) continue;
      checkpoint.verify();
      found.newest = std::move(checkpoint);
    } catch (const DataError& error) {
      found.skipped.push_back({candidate.path, error.what()});
    }
  }
  std::erase_if(found.skipped, [&](const SkippedCheckpoint& skipped) {
    return found.newest && step_of_folder_name(fs::path(skipped.path).filename().string()) < found.newest->step();
  });
  return found;
}

SavedCheckpoint open_checkpoint(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) throw CheckpointError(message("{}: there is no such checkpoint folder", path));
  if (fs::exists(fs::path(path) / kIndexFile, error) || step_of_folder_name(fs::path(path).filename().string()) >= 0) {
    SavedCheckpoint checkpoint(path);
    checkpoint.verify();
    return checkpoint;
  }
  FoundCheckpoint found = find_newest_checkpoint(path);
  if (!found.newest) {
    throw CheckpointError(message("{}: no usable checkpoint in it{}", path, join_reasons(found.skipped)));
  }
  return std::move(*found.newest);
}

}  // namespace trireme
