#include "store/log_book.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <fstream>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

void write_all(int fd, const std::string& text, const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      throw DataError(message("cannot write {}: {}; free some space", path.string(), std::strerror(errno)));
    done += static_cast<std::size_t>(count);
  }
}

// Calls `use` with every whole line; returns the bytes of them. A file that is not there has none.
template <typename Use>
std::uint64_t for_each_line(const std::filesystem::path& path, Use use) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t bytes = 0;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    bytes += line.size() + 1;
    use(parse_log_line(line));
  }
  return bytes;
}

// Where the last `most` wanted lines begin that lie wholly behind `start`.
std::deque<std::uint64_t> last_lines(const std::filesystem::path& path, std::uint64_t start, std::size_t most,
                                     const std::function<bool(const LogEntry&)>& is_wanted) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(start));
  std::deque<std::uint64_t> found;
  std::uint64_t offset = start;
  bool is_whole = start == 0;  // else a part of a line comes first
  for (std::string line; std::getline(file, line) && !file.eof(); offset += line.size() + 1, is_whole = true) {
    if (!is_whole || !is_wanted(parse_log_line(line))) continue;
    found.push_back(offset);
    if (found.size() > most) found.pop_front();
  }
  return found;
}

}  // namespace

std::string format_log_line(const LogEntry& entry) {
  return message("[{}{}] {}", entry.rank, entry.is_error ? "!" : "", entry.text);
}

LogEntry parse_log_line(const std::string& line) {
  LogEntry entry;
  const char* end = line.data() + line.size();
  if (line.empty() || line.front() != '[') return {0, false, line};
  auto [next, error] = std::from_chars(line.data() + 1, end, entry.rank);
  if (error != std::errc()) return {0, false, line};
  entry.is_error = next != end && *next == '!';
  if (entry.is_error) ++next;
  if (end - next < 2 || next[0] != ']' || next[1] != ' ') return {0, false, line};
  entry.text.assign(next + 2, end);
  return entry;
}

LogBook::LogBook(std::filesystem::path runs_folder, std::uint64_t most_bytes)
    : runs_folder_(std::move(runs_folder)), most_bytes_(most_bytes) {}

LogBook::~LogBook() {
  for (const auto& [run_id, log] : logs_) ::close(log.fd);
}

std::filesystem::path LogBook::path_of(const std::string& run_id) const { return runs_folder_ / run_id / "output.log"; }

void LogBook::append(const std::string& run_id, const std::vector<LogEntry>& entries) {
  const std::lock_guard lock(mutex_);
  write(run_id, open_log(run_id), entries);
}

std::vector<std::string> LogBook::append_once(const std::string& run_id, int rank, bool is_error,
                                              std::uint64_t first_line, std::vector<std::string> lines) {
  const std::lock_guard lock(mutex_);
  OpenLog& log = open_log(run_id);
  std::uint64_t& known = log.lines[{rank, is_error}];
  const std::uint64_t repeated = known > first_line ? std::min<std::uint64_t>(known - first_line, lines.size()) : 0;
  lines.erase(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(repeated));
  known = std::max(known, first_line);  // some of the lines before had no room in the file that was counted
  std::vector<LogEntry> entries;
  for (const std::string& line : lines) entries.push_back({rank, is_error, line});
  if (!entries.empty()) write(run_id, log, entries);
  return lines;
}

LogBook::OpenLog& LogBook::open_log(const std::string& run_id) {
  const auto found = logs_.find(run_id);
  if (found != logs_.end()) return found->second;
  const std::filesystem::path path = path_of(run_id);
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  OpenLog log;
  const std::uint64_t whole = for_each_line(path, [&](const LogEntry& entry) {
    ++log.lines[{entry.rank, entry.is_error}];
  });
  log.fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  // A writer that was killed may have left half a line.
  if (log.fd < 0 || ::ftruncate(log.fd, static_cast<off_t>(whole)) != 0) {
    const int reason = errno;
    if (log.fd >= 0) ::close(log.fd);
    throw DataError(message("cannot open {}: {}", path.string(), std::strerror(reason)));
  }
  log.bytes = whole;
  return logs_.emplace(run_id, std::move(log)).first->second;
}

std::string LogBook::text_of(const OpenLog& log, const std::vector<LogEntry>& entries) const {
  std::string text;
  const auto fits = [&](std::uint64_t most) { return log.bytes + text.size() < most; };
  for (const LogEntry& entry : entries) {
    if (!fits(entry.is_error ? most_bytes_ + kMostErrorBytes : most_bytes_)) continue;
    const bool had_room = fits(most_bytes_);
    text += format_log_line(entry) + '\n';
    if (had_room && !fits(most_bytes_)) {
      text += format_log_line({-1, true,
                               message("launcher: this log has {} bytes; from here on it takes standard error only",
                                       most_bytes_)}) +
              '\n';
    }
  }
  return text;
}

void LogBook::write(const std::string& run_id, OpenLog& log, const std::vector<LogEntry>& entries) {
  const std::string text = text_of(log, entries);
  write_all(log.fd, text, path_of(run_id));
  log.bytes += text.size();
  for (const LogEntry& entry : entries) ++log.lines[{entry.rank, entry.is_error}];
  ++generation_;
  grown_.notify_all();
}

void LogBook::close(const std::string& run_id) {
  const std::lock_guard lock(mutex_);
  const auto found = logs_.find(run_id);
  if (found == logs_.end()) return;
  ::close(found->second.fd);
  logs_.erase(found);
}

LogBook::Piece LogBook::read(const std::string& run_id, std::uint64_t offset) const {
  std::ifstream file(path_of(run_id), std::ios::binary);
  Piece piece{{}, offset};
  if (!file.seekg(static_cast<std::streamoff>(offset))) return piece;
  for (std::string line; piece.next - offset < kPieceBytes && std::getline(file, line);) {
    if (file.eof()) break;  // no line end yet: still being written
    piece.next += line.size() + 1;
    piece.entries.push_back(parse_log_line(line));
  }
  return piece;
}

std::vector<LogEntry> LogBook::tail(const std::string& run_id, std::size_t lines) const {
  std::ifstream file(path_of(run_id), std::ios::binary);
  if (!file.seekg(0, std::ios::end)) return {};
  // Reading twice what typical lines need bounds the cost for logs of gigabytes.
  const std::streamoff size = file.tellg();
  const std::streamoff start = std::max<std::streamoff>(0, size - static_cast<std::streamoff>(lines) * 512);
  file.seekg(start);
  std::string line;
  if (start > 0) std::getline(file, line);
  std::deque<LogEntry> kept;
  while (std::getline(file, line)) {
    kept.push_back(parse_log_line(line));
    if (kept.size() > lines) kept.pop_front();
  }
  return {kept.begin(), kept.end()};
}

std::uint64_t LogBook::tail_offset(const std::string& run_id, std::size_t lines,
                                   const std::function<bool(const LogEntry&)>& is_wanted) const {
  std::error_code missing;
  const std::uint64_t size = std::filesystem::file_size(path_of(run_id), missing);
  if (missing) return 0;
  if (lines == 0) return size;
  // From further and further before the end, so that most is read once.
  for (std::uint64_t reach = kPieceBytes;; reach *= 4) {
    const std::uint64_t start = reach < size ? size - reach : 0;
    const std::deque<std::uint64_t> found = last_lines(path_of(run_id), start, lines, is_wanted);
    if (found.size() == lines) return found.front();
    if (start == 0) return found.empty() ? size : found.front();
  }
}

void LogBook::wait_for_more(std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  const std::uint64_t seen = generation_;
  grown_.wait_for(lock, timeout, [&] { return generation_ != seen; });
}

}  // namespace trireme::launcher
