#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// TensorBoard event files, scalars only, without TensorFlow or protobuf.
namespace trireme {

// The bytes of one tensorflow.Event that carries the scalar `value` under `tag`, without framing.
[[nodiscard]] std::string encode_scalar_event(double wall_time, std::int64_t step, std::string_view tag, float value);
// The first event of every file.
[[nodiscard]] std::string encode_version_event(double wall_time);
// TFRecord framing: u64 length, masked crc32c of it, payload, masked crc32c of it.
[[nodiscard]] std::string frame_record(std::string_view payload);

// Appends scalars to a new events.out.tfevents file in a folder. One thread at a time.
// The constructor throws DataError naming the file; later write errors are logged once and end the writing, because a
// full disk must not end a training run.
class TensorBoardWriter {
 public:
  explicit TensorBoardWriter(const std::string& folder);
  ~TensorBoardWriter();
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;

  void scalar(std::int64_t step, std::string_view tag, double value);
  void flush();
  [[nodiscard]] const std::string& path() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme
