#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "trireme/runtime/metrics.h"

namespace trireme {
namespace {

using namespace std::chrono_literals;

// What was printed to a file of its own.
class Console {
 public:
  Console() : file_(std::tmpfile()) {}
  ~Console() { std::fclose(file_); }
  [[nodiscard]] std::FILE* file() const { return file_; }
  [[nodiscard]] std::string text() const {
    std::string text(static_cast<std::size_t>(std::ftell(file_)), '\0');
    std::rewind(file_);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file_), text.size());
    return text;
  }

 private:
  std::FILE* file_;
};

TEST(ProgressText, ShowsWhatIsThere) {
  EXPECT_EQ(
      progress_text(120, 2000,
                    {{"loss", 2.0131}, {"tokens_per_s", 41230.4}, {"step_ms", 49.62}, {"exposed_comm_ms", 1.24}}, 93s),
      "step 120/2000  loss 2.013  41230 tok/s  49.6 ms/step  comm 1.2 ms  ETA 1:33");
  EXPECT_EQ(progress_text(7, 0, {}, 0s), "step 7");
  EXPECT_EQ(progress_text(7, 9, {}, 7510s), "step 7/9  ETA 2:05:10");
}

TEST(ProgressLine, PrintsPlainLinesNowAndThenWhenItIsNoTerminal) {
  const Console console;
  {
    ProgressLine line({.out = console.file(), .every_steps = 10, .total_steps = 25});
    for (int step = 1; step <= 25; ++step) line.step(step, {}, 0s);
  }
  EXPECT_EQ(console.text(), "step 1/25\nstep 10/25\nstep 20/25\nstep 25/25\n");
}

TEST(ProgressLine, RewritesOneLineOnATerminal) {
  const Console console;
  {
    ProgressLine line({.out = console.file(), .is_terminal = true, .total_steps = 2});
    line.step(1, {{"loss", 10}}, 0s);
    line.step(2, {}, 0s);
    line.note("done");
  }
  EXPECT_EQ(console.text(), "\rstep 1/2  loss 10.000\rstep 2/2             \ndone\n");
}

}  // namespace
}  // namespace trireme
