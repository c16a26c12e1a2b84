#include "providers/cluster_record.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "access/served_names.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace fs = std::filesystem;

namespace {

constexpr int kRecordVersion = 1;

fs::path record_file(const std::string& name) { return state_folder(name) / "cluster.json"; }

nlohmann::json to_json(const ClusterRecord& record) {
  nlohmann::json processes = nlohmann::json::array();
  for (const ClusterProcess& process : record.processes) {
    processes.push_back(
        {{"role", process.role}, {"pid", process.identity.pid}, {"start_time", process.identity.start_time}});
  }
  return {{"version", kRecordVersion},
          {"name", record.name},
          {"provider", record.provider},
          {"host", record.host},
          {"dask_port", record.dask_port},
          {"http_port", record.http_port},
          {"listen", record.listen},
          {"names", record.names},
          {"certificate", record.certificate.string()},
          {"nodes", record.nodes},
          {"started", record.started},
          {"runtime_folder", record.runtime_folder.string()},
          {"processes", std::move(processes)}};
}

ClusterRecord from_json(const nlohmann::json& json) {
  ClusterRecord record;
  record.name = json.at("name").get<std::string>();
  record.provider = json.at("provider").get<std::string>();
  record.host = json.at("host").get<std::string>();
  record.dask_port = json.at("dask_port").get<std::uint16_t>();
  record.http_port = json.at("http_port").get<std::uint16_t>();
  record.listen = json.value("listen", record.host);
  record.names = json.value("names", std::vector<std::string>{});
  record.certificate = json.value("certificate", "");
  record.nodes = json.at("nodes").get<int>();
  record.started = json.at("started").get<double>();
  record.runtime_folder = json.at("runtime_folder").get<std::string>();
  for (const nlohmann::json& process : json.at("processes")) {
    record.processes.push_back({process.at("role").get<std::string>(),
                                {process.at("pid").get<pid_t>(), process.at("start_time").get<std::uint64_t>()}});
  }
  return record;
}

[[noreturn]] void fail_write(const fs::path& path) {
  throw DataError(message("cannot write {}: {}; set XDG_STATE_HOME to a folder that can be written", path.string(),
                          std::strerror(errno)));
}

void write_synced(const fs::path& path, const std::string& text) {
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) fail_write(path);
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail_write(path);
  if (fsync(file.get()) != 0) fail_write(path);
}

}  // namespace

std::string http_address(const ClusterRecord& record) {
  const std::string host = is_every_interface(record.listen) ? "127.0.0.1" : record.listen;
  return message(host.find(':') == std::string::npos ? "{}:{}" : "[{}]:{}", host, record.http_port);
}

std::string http_url(const ClusterRecord& record) {
  return message("{}://{}", record.certificate.empty() ? "http" : "https", http_address(record));
}

fs::path state_root() {
  const char* state_home = std::getenv("XDG_STATE_HOME");
  if (state_home != nullptr && *state_home == '/') return fs::path(state_home) / "trireme";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') throw ConfigError("neither XDG_STATE_HOME nor HOME is set; set one");
  return fs::path(home) / ".local" / "state" / "trireme";
}

fs::path state_folder(const std::string& cluster) {
  const bool is_valid = !cluster.empty() && cluster.size() <= 32 &&
                        cluster.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!is_valid) {
    throw ConfigError(message("cluster name '{}' is not 1 to 32 of a-z, 0-9 and '-'; choose another --name", cluster));
  }
  return state_root() / cluster;
}

std::optional<ClusterRecord> load_cluster(const std::string& name) {
  const fs::path file = record_file(name);
  std::ifstream stream(file);
  if (!stream) return std::nullopt;
  try {
    const nlohmann::json json = nlohmann::json::parse(stream);
    if (json.at("version").get<int>() != kRecordVersion) {
      throw DataError(
          message("{} was written by another version of launcher; take the cluster down with that one", file.string()));
    }
    return from_json(json);
  } catch (const nlohmann::json::exception& error) {
    throw DataError(message("{} is not a cluster record ({}); end the cluster's processes and remove the file",
                            file.string(), error.what()));
  }
}

void save_cluster(const ClusterRecord& record) {
  const fs::path file = record_file(record.name);
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  const fs::path temporary = file.string() + ".new";
  write_synced(temporary, to_json(record).dump(2) + "\n");
  if (std::rename(temporary.c_str(), file.c_str()) != 0) fail_write(file);
}

void forget_cluster(const std::string& name) { std::remove(record_file(name).c_str()); }

std::optional<ClusterLock> ClusterLock::take(const std::string& name) {
  const fs::path folder = state_folder(name);
  std::error_code error;
  fs::create_directories(folder / "logs", error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);  // programs print what others must not read
  UniqueFd file(open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) fail_write(folder);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return ClusterLock(std::move(file));
}

std::vector<std::string> known_clusters() {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(state_root(), error)) {
    if (fs::exists(entry.path() / "cluster.json", error)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace trireme::launcher
