#pragma once

#include <string_view>

#include "dask/server/peers.h"
#include "dask/tasks/effects.h"

namespace trireme::launcher::dask {

// Writes what the task scheduler decides to the streams of workers and clients; what is for a peer that is gone is
// dropped.
class StreamEffects : public Effects {
 public:
  StreamEffects(Workers& workers, Clients& clients) : workers_(workers), clients_(clients) {}

  void compute(std::string_view worker, const Computation& task) override;
  void free_keys(std::string_view worker, std::span<const Key> keys) override;
  void remove_replicas(std::string_view worker, std::span<const Key> keys) override;
  void request_steal(std::string_view worker, const Key& key, std::string_view stimulus) override;
  void refresh_who_has(std::string_view worker, const Key& key, std::span<const std::string_view> holders) override;
  void tell_worker_gone(std::string_view worker, std::string_view gone) override;
  void fail_shuffle(std::string_view worker, std::string_view shuffle, std::int64_t run, std::string_view why) override;

  void key_in_memory(std::string_view client, const Key& key, const Bytes& type) override;
  void task_erred(std::string_view client, const Key& key, const Opaque& exception, const Opaque& traceback) override;
  void lost_data(std::string_view client, const Key& key) override;
  void cancelled_keys(std::string_view client, std::span<const Key> keys, std::string_view reason) override;
  void task_retried(std::string_view client, const Key& key) override;

 private:
  // The stream's next operation; nullptr when the peer is gone.
  [[nodiscard]] MessageWriter* to_worker(std::string_view address);
  [[nodiscard]] MessageWriter* to_client(std::string_view id);

  Workers& workers_;
  Clients& clients_;
};

}  // namespace trireme::launcher::dask
