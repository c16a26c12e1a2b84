#include "checkpoint/checkpoint_folder.h"

#include <filesystem>

#include "data/durable_file.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

namespace fs = std::filesystem;
constexpr const char* kTemporarySuffix = ".tmp";  // being written
constexpr const char* kReplacedSuffix = ".old";   // about to be removed, the new one of the same step is there

// Shards of other nodes must be visible here, with the sizes that their writers saw.
void check_shards(const std::string& temporary, const CheckpointIndex& index) {
  for (const IndexedFile& file : index.files) {
    std::error_code error;
    const auto bytes = fs::file_size(fs::path(temporary) / file.name, error);
    if (!error && bytes == file.bytes) continue;
    throw DataError(
        message("{}/{}: rank 0 does not see it as it was written; checkpoints need a folder on a file system "
                "that all nodes share",
                temporary, file.name));
  }
}

void replace_folder(const fs::path& from, const fs::path& to) {
  const fs::path replaced = to.string() + kReplacedSuffix;
  const bool is_replacing = fs::exists(to);
  if (is_replacing) fs::rename(to, replaced);
  fs::rename(from, to);
  if (is_replacing) fs::remove_all(replaced);
}

void remove_leftovers(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    const bool is_leftover = extension == kTemporarySuffix || extension == kReplacedSuffix;
    if (is_leftover && step_of_folder_name(entry.path().stem().string()) >= 0) fs::remove_all(entry.path());
  }
}

}  // namespace

std::string begin_save(const std::string& folder, std::int64_t step) {
  const fs::path temporary = fs::path(folder) / (checkpoint_folder_name(step) + kTemporarySuffix);
  try {
    fs::create_directories(folder);
    remove_leftovers(folder);
    fs::create_directory(temporary);
  } catch (const fs::filesystem_error& error) {
    throw DataError(message("{}: cannot make a checkpoint: {}", temporary.string(), error.code().message()));
  }
  return temporary.string();
}

std::string commit_save(const std::string& folder, const std::string& temporary, const CheckpointIndex& index) {
  check_shards(temporary, index);
  replace_file(temporary + "/" + kIndexFile, encode_index(index));
  const std::string name = checkpoint_folder_name(index.step);
  const std::string path = (fs::path(folder) / name).string();
  try {
    replace_folder(temporary, path);
  } catch (const fs::filesystem_error& error) {
    throw DataError(message("{}: cannot take its final name: {}", path, error.code().message()));
  }
  sync_folder(folder);
  replace_file((fs::path(folder) / "latest").string(), name + "\n");
  return path;
}

void prune_checkpoints(const std::string& folder, int keep) {
  int complete = 0;
  for (const ListedCheckpoint& checkpoint : list_checkpoints(folder)) {
    if (checkpoint.saved_at_ns < 0 || ++complete <= keep) continue;
    std::error_code error;
    fs::remove_all(checkpoint.path, error);
    if (error) throw DataError(message("{}: cannot remove it: {}", checkpoint.path, error.message()));
  }
}

}  // namespace trireme
