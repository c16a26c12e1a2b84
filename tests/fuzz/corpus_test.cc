#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "targets.h"

// The fuzzers' entry points over their corpus and a fixed number of seeded mutations, with any compiler.
namespace trireme::fuzz {
namespace {

using Input = std::vector<std::uint8_t>;

struct Target {
  std::string name;  // also the folder of its corpus
  std::function<void(Bytes)> run;
  int mutations = 20000;
};
void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

std::vector<Input> read_corpus(const std::string& name) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(TRIREME_FUZZ_CORPUS) / name)) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  std::vector<Input> corpus;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

class Mutator {
 public:
  explicit Mutator(std::vector<Input> corpus) : corpus_(std::move(corpus)) {}

  Input next() {
    Input input = corpus_[below(corpus_.size())];
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(input);
    return input;
  }

 private:
  std::size_t below(std::size_t end) { return random_() % end; }
  std::size_t place(const Input& input) { return below(input.size() + 1); }

  void change(Input& input) {
    switch (below(5)) {
      case 0:
        return flip(input);
      case 1:
        return insert(input);
      case 2:
        input.resize(place(input));
        return;
      case 3:
        return splice(input);
      default:
        return overwrite(input);
    }
  }
  void flip(Input& input) {
    if (!input.empty()) input[below(input.size())] ^= static_cast<std::uint8_t>(1U << below(8));
  }
  void insert(Input& input) {
    input.insert(input.begin() + static_cast<std::ptrdiff_t>(place(input)), static_cast<std::uint8_t>(below(256)));
  }
  // Puts the tail of another input behind a beginning of this one.
  void splice(Input& input) {
    const Input& other = corpus_[below(corpus_.size())];
    input.resize(place(input));
    input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(place(other)), other.end());
  }
  // Numbers at the edges of what lengths and counts may be.
  void overwrite(Input& input) {
    constexpr std::uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '{', '['};
    for (std::size_t at = place(input), end = std::min(input.size(), at + 1 + below(8)); at < end; ++at) {
      input[at] = kEdges[below(std::size(kEdges))];
    }
  }

  std::vector<Input> corpus_;
  std::mt19937_64 random_{20260101};
};

class FuzzTarget : public testing::TestWithParam<Target> {};

TEST_P(FuzzTarget, HandlesItsCorpus) {
  const auto corpus = read_corpus(GetParam().name);
  ASSERT_GE(corpus.size(), 3U);
  for (const auto& input : corpus) EXPECT_NO_THROW(GetParam().run(input));
}

TEST_P(FuzzTarget, HandlesSeededMutations) {
  Mutator mutator(read_corpus(GetParam().name));
  for (int i = 0; i < GetParam().mutations; ++i) {
    const auto input = mutator.next();
    ASSERT_NO_THROW(GetParam().run(input)) << "mutation " << i << ": " << testing::PrintToString(input);
  }
}

TEST_P(FuzzTarget, HandlesNothing) { EXPECT_NO_THROW(GetParam().run({})); }

std::vector<Target> all_targets() {
  std::vector<Target> targets{
      {"store_frames", store_frames}, {"status_record", status_record}, {"tcp_frames", tcp_frames}};
#ifdef TRIREME_FUZZ_STORE
  targets.push_back({"curves", curves});
  targets.push_back({"tokens", tokens});
#endif
#ifdef TRIREME_FUZZ_DASK
  targets.push_back({"dask_messages", dask_messages});
  targets.push_back({"dask_bodies", dask_bodies});
  targets.push_back({"dask_handshakes", dask_handshakes});
  targets.push_back({"dask_graphs", dask_graphs});
#endif
#ifdef TRIREME_FUZZ_PEERS
  targets.push_back({.name = "dask_peers", .run = dask_peers, .mutations = 1000});  // a scheduler each
#endif
#ifdef TRIREME_FUZZ_HTTP
  targets.push_back({"first_bytes", first_bytes});
  targets.push_back({"http_requests", http_requests});
#endif
  return targets;
}

INSTANTIATE_TEST_SUITE_P(Of, FuzzTarget, testing::ValuesIn(all_targets()),
                         [](const auto& target) { return target.param.name; });

}  // namespace
}  // namespace trireme::fuzz
