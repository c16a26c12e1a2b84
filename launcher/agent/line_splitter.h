#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trireme::launcher {

// Cuts a stream of bytes into lines. A line longer than kLongest is cut there, so that memory stays bounded.
class LineSplitter {
 public:
  static constexpr std::size_t kLongest = 16 * 1024;

  // The lines that `bytes` completes, without their ends.
  [[nodiscard]] std::vector<std::string> add(std::string_view bytes) {
    pending_.append(bytes);
    std::vector<std::string> lines;
    std::size_t start = 0;
    for (std::size_t end; (end = pending_.find('\n', start)) != std::string::npos; start = end + 1) {
      lines.push_back(pending_.substr(start, end - start));
      if (lines.back().ends_with('\r')) lines.back().pop_back();
    }
    pending_.erase(0, start);
    if (pending_.size() > kLongest) lines.push_back(std::exchange(pending_, {}));
    return lines;
  }
  // What came after the last line end, as a line; nothing when that is empty.
  [[nodiscard]] std::vector<std::string> rest() {
    if (pending_.empty()) return {};
    return {std::exchange(pending_, {})};
  }

 private:
  std::string pending_;
};

}  // namespace trireme::launcher
